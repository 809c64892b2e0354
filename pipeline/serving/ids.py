"""Ids of decisions and overrides."""

import os
from datetime import datetime


def new_id(now: datetime) -> str:
    """Return an unguessable id that sorts by time (the layout of UUIDv7), so that the log's index grows at its end."""
    return new_ids(now, 1)[0]


def new_ids(now: datetime, n: int) -> list[str]:
    """Return n ids as `new_id` makes them, ascending, so that a batch grows the index at its end."""
    milliseconds = (int(now.timestamp() * 1000) & (2**48 - 1)).to_bytes(6, "big").hex()
    head = f"{milliseconds[:8]}-{milliseconds[8:]}-7"
    drawn = os.urandom(10 * n).hex()
    tails = (drawn[at : at + 20] for at in range(0, 20 * n, 20))
    return sorted(f"{head}{t[1:4]}-{'89ab'[int(t[4], 16) % 4]}{t[5:8]}-{t[8:]}" for t in tails)
