"""Which code and which packages a run was made with."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Lineage:
    """Commit of the code, whether files differed from it, and the hash of the locked packages. Empty where unknown."""

    git_commit: str
    git_dirty: bool
    lock_sha256: str


def read_lineage() -> Lineage:
    """Ask git and the lock file; in an image without git the commit comes from RISKDECK_GIT_COMMIT, set at build time."""
    commit = os.environ.get("RISKDECK_GIT_COMMIT") or _git("rev-parse", "HEAD")
    changed = "" if os.environ.get("RISKDECK_GIT_COMMIT") else _git("status", "--porcelain", "--untracked-files=no")
    return Lineage(commit, bool(changed), _lock_sha256())


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603, S607 - fixed words, git from PATH as everywhere
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _lock_sha256() -> str:
    """Hash of the lock file, or of what is installed where the lock is not beside the code."""
    lock = ROOT / "requirements.txt"
    if lock.is_file():
        return hashlib.sha256(lock.read_bytes()).hexdigest()
    installed = sorted(f"{d.metadata['Name']}=={d.version}" for d in distributions())
    return hashlib.sha256("\n".join(installed).encode()).hexdigest()
