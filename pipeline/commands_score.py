"""The verb ``score``: a file of applicants in, decisions and refused rows out."""

from pathlib import Path


def score(name: str, data: Path, out: Path | None, *, reasons: bool, record: bool, as_json: bool) -> int:
    """Score a file with the live model and policy."""
    raise NotImplementedError
