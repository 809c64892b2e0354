"""The repository's own machinery: locks, make targets, README, CI."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")
IMPORT_NAMES = {"scikit-learn": "sklearn"}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def run(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


# --- locks ------------------------------------------------------------------------------------------------------------


def locked(path: str) -> dict[str, str]:
    pins = re.findall(r"^([a-z0-9][\w.-]*)(?:\[.*\])?==([^\s;]+)", read(path), flags=re.MULTILINE)
    return {canonicalize_name(name): pinned for name, pinned in pins}


def declared(group: str) -> list[Requirement]:
    pyproject = tomllib.loads(read("pyproject.toml"))
    wanted = pyproject["project"]["dependencies"] if group == "run" else pyproject["dependency-groups"]["dev"]
    return [Requirement(text) for text in wanted]


@pytest.mark.parametrize(("group", "lock"), [("run", LOCKS[0]), ("dev", LOCKS[1])])
def test_every_declared_dependency_is_locked_inside_its_range(group: str, lock: str) -> None:
    pins = locked(lock)
    outside = [str(r) for r in declared(group) if Version(pins.get(canonicalize_name(r.name), "0")) not in r.specifier]
    assert outside == []


def test_the_two_locks_agree_where_they_overlap() -> None:
    run_pins, dev_pins = (locked(lock) for lock in LOCKS)
    assert {n: (run_pins[n], dev_pins[n]) for n in run_pins.keys() & dev_pins.keys() if run_pins[n] != dev_pins[n]} == {}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash_and_no_index_is_named(lock: str) -> None:
    blocks = re.split(r"(?m)^(?=[a-z0-9])", read(lock))[1:]
    assert len(blocks) > 20
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in read(lock)


def test_the_environment_is_the_locked_one() -> None:
    pins = locked(LOCKS[0])
    names = [canonicalize_name(r.name) for r in declared("run")]
    assert {n: version(n) for n in names} == {n: pins[n] for n in names}


def test_every_runtime_dependency_imports_beside_the_others() -> None:
    """Evidently's metadata admits versions of pandas and plotly under which it cannot be imported."""
    names = [IMPORT_NAMES.get(r.name, r.name.replace("-", "_")) for r in declared("run")]
    result = run(sys.executable, "-W", "ignore", "-c", "\n".join(f"import {name}" for name in names))
    assert result.returncode == 0, result.stderr


# --- make -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile and the locks, and the interpreter of this run where make would put its own."""
    for name in ("Makefile", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(sys.executable)
    (binaries / "uv").touch()
    return tmp_path


def stamps(folder: Path, target: str) -> list[str]:
    plan = run("make", "-n", target, cwd=folder).stdout
    return sorted(set(re.findall(r"\.venv/\.locked-(?:dev-)?\d+", plan)))


def test_an_installed_lock_is_not_installed_again_and_a_changed_one_is(clone: Path) -> None:
    needed = stamps(clone, "setup")
    assert len(needed) == 2
    for stamp in needed:
        (clone / stamp).touch()
    assert stamps(clone, "setup") == stamps(clone, "demo") == []
    with (clone / "requirements.txt").open("a") as lock:
        lock.write("# changed\n")
    assert set(stamps(clone, "setup")).isdisjoint(needed)


def test_the_demo_installs_no_development_tools(clone: Path) -> None:
    plan = run("make", "-n", "demo", cwd=clone).stdout
    assert "pip sync --quiet --python .venv/bin/python --require-hashes requirements.txt ||" in plan
    assert "pipeline demo" in plan


def test_a_machine_with_too_old_a_python_is_told_so(tmp_path: Path) -> None:
    for name in ("Makefile", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("make", "sh", "cat", "cksum", "cut", "awk"):
        found = shutil.which(tool)
        assert found
        (tools / tool).symlink_to(found)
    old = tools / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    result = run("make", "demo", cwd=tmp_path, PATH=str(tools))
    assert result.returncode != 0
    assert "Riskdeck needs Python 3.11, 3.12 or 3.13 with its venv module; found: Python 3.9.2." in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_the_readme_names_only_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))
    assert {"demo", "test", "test-all", "lint", "format", "lock", "bench", "help"} <= targets
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", read("README.md"), flags=re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_the_readme_stays_readable_and_the_top_level_fixed() -> None:
    assert len(read("README.md").splitlines()) <= 200
    tracked = run("git", "ls-files").stdout.splitlines()
    fixed = {"dashboard", "pipeline", "tests", ".streamlit", "Dockerfile", "requirements.txt", ".github", "README.md"}
    beside = {"pyproject.toml", "Makefile", "compose.yaml", ".ci", "LICENSE", "CHANGELOG.md", ".gitignore", ".dockerignore"}
    assert {path.split("/")[0] for path in tracked} <= fixed | beside | {"requirements-dev.txt"}


def test_the_ci_script_parses_and_may_be_executed() -> None:
    assert run("bash", "-n", ".ci/run").returncode == 0
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_every_action_is_pinned_to_a_full_commit() -> None:
    uses = re.findall(r"uses: (\S+)(.*)", read(".github/workflows/ci-cd.yml"))
    assert uses
    assert [u for u, comment in uses if not (re.search(r"@[0-9a-f]{40}$", u) and re.match(r" # v\d", comment))] == []
