"""One JSON text per value, so that hashes of stored content mean something."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII, shortest exact floats.

    Raises ValueError for NaN and infinity, which PostgreSQL refuses and JSON does not know; write None instead.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def as_stored(document: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a document as the store gives it back: keys are text, tuples are lists."""
    stored: dict[str, Any] = json.loads(json.dumps(dict(document), allow_nan=False))
    return stored


def content_sha256(row: Mapping[str, Any], leave_out: str) -> str:
    """Return the sha256 of a row's canonical JSON without one field; instants in UTC to the microsecond."""
    content = {name: _instant_as_text(value) for name, value in row.items() if name != leave_out}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _instant_as_text(value: Any) -> Any:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value
