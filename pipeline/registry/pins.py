"""What stands beside a model and speaks with it: the files that reasons, warnings and peers come from, pinned by sha256.

A proposal names their hashes in the ledger; what is approved with it decides with those files or not at all. Proposals written
before files were pinned name none, and pin nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from pipeline import contract
from pipeline.registry import ledger
from pipeline.registry.ledger import LedgerError
from pipeline.registry.runs import ArtifactMissing, read_artifact_bytes
from pipeline.registry.versions import VersionError

EVIDENCE: Final = "artifacts_sha256"
"""Where the hashes stand in a ledger row's evidence."""


class PinError(VersionError):
    """A file that is not the one the ledger names; the message names it."""


@dataclass(frozen=True)
class Pins:
    """The sha256 by artifact path as ledger row ``seq`` names it; None where the run had no such file then."""

    seq: int
    sha256: Mapping[str, str | None]

    def require(self, path: str, content: bytes) -> bytes:
        """Return the content; PinError unless the ledger row names these bytes, or nothing about this file."""
        found = hashlib.sha256(content).hexdigest()
        wanted = self.sha256.get(path, found)
        if wanted != found:
            named = "named no such file" if wanted is None else f"names {wanted}"
            raise PinError(
                f"{path} has sha256 {found}, but ledger row {self.seq} {named}: the file was changed after it was proposed, "
                "so restore it or release another version"
            )
        return content


def current_pins(engine: Engine, project: str, version: int, run_id: str) -> dict[str, str | None]:
    """Return the sha256 of each of `contract.PINNED_ARTIFACTS` as the run has it now, for a proposal's evidence.

    Raises PinError when the version's first proposal named others: it could not be loaded, and releasing it would stop scoring.
    """
    pins = read_pins(engine, project, version, run_id)
    now = {path: _sha256(run_id, path) for path in contract.PINNED_ARTIFACTS}
    changed = [path for path, wanted in pins.sha256.items() if now.get(path) != wanted]
    if changed:
        raise PinError(
            f"{' and '.join(changed)} of version {version} changed after ledger row {pins.seq} named the sha256; "
            "restore what was proposed, or release another version"
        )
    return now


def read_pins(engine: Engine, project: str, version: int, run_id: str) -> Pins:
    """Return what the version's first proposal with hashes pinned. Raises LedgerError when the ledger cannot be read."""
    try:
        entries = ledger.history(engine, project)
    except ValueError as error:
        raise LedgerError(f"the ledger of {project} cannot be read, so no file can be compared with it") from error
    for entry in entries:
        about = entry.subject.get("model_version"), entry.subject.get("run_id")
        if entry.event == ledger.PROPOSAL and about == (version, run_id) and EVIDENCE in entry.evidence:
            return Pins(entry.seq, entry.evidence[EVIDENCE])
    return Pins(0, {})


def _sha256(run_id: str, path: str) -> str | None:
    try:
        return hashlib.sha256(read_artifact_bytes(run_id, path)).hexdigest()
    except ArtifactMissing:
        return None
