"""Ids of decisions and overrides."""

import os
from datetime import datetime


def new_id(now: datetime) -> str:
    """Return an unguessable id that sorts by time (the layout of UUIDv7), so that the log's index grows at its end."""
    milliseconds = int(now.timestamp() * 1000).to_bytes(6, "big")
    text = (milliseconds + os.urandom(10)).hex()
    return f"{text[:8]}-{text[8:12]}-7{text[13:16]}-{'89ab'[int(text[16], 16) % 4]}{text[17:20]}-{text[20:]}"
