"""Copies of artifacts that never change, on this machine's disk: at most so many bytes, the longest unused ones go first.

They lie under ``RISKDECK_HOME/index/<store>.seen/<run id>/``. All stores of a home share one bound, for they share one disk.
"""

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 2 * 1024**3
"""Room for the curves of some hundred runs with a million scored rows each, or of all runs anybody ever opens."""
_FREED: Final = 0.9
"""After a clean-up so much of the bound is used, so that the next copy does not call for another one."""
_LOOKED_AT_AFTER: Final = 0.05
"""The folder is measured again once this share of the bound was written; it is what the bound can be exceeded by."""


class ArtifactCopies:
    """The copies of one tracking store; threads and processes may share them. Nothing here raises: the store has everything."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self._most = most_bytes
        self._written = most_bytes  # nothing is known of the folder yet, so the first copy measures it
        self._lock = threading.Lock()

    def read(self, name: str) -> bytes | None:
        """Return a copy by its path within the folder, and note that it was used; None when there is none."""
        place = self.folder / name
        try:
            content = place.read_bytes()
            os.utime(place)
        except OSError:
            return None
        return content

    def keep(self, name: str, content: bytes) -> None:
        """Keep a copy in one step, then remove what was unused the longest where there is too much."""
        place = self.folder / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f"{place.name}.{threading.get_ident()}.{time.monotonic_ns()}.part")
            part.write_bytes(content)
            part.replace(place)
        except OSError:
            return
        with self._lock:
            self._written += len(content)
            if self._written > _LOOKED_AT_AFTER * self._most:
                self._written = 0
                self._clean_up()

    def _clean_up(self) -> None:
        # What lies beside the folders of runs, such as the names of products, is small and stays.
        files = sorted(_known(self.folder.parent.glob("*.seen/*/**/*")), key=lambda file: file[0])
        total = sum(size for _, size, _ in files)
        if total <= self._most:
            return
        for _, size, place in files:
            if total <= _FREED * self._most:
                return
            place.unlink(missing_ok=True)
            total -= size


def _known(places: Iterable[Path]) -> Iterable[tuple[int, int, Path]]:
    """When each file was last used (ns), its size in bytes and where it is; files that vanish meanwhile are left out."""
    for place in places:
        try:
            found = place.stat()
        except OSError:
            continue
        if place.is_file():
            yield found.st_mtime_ns, found.st_size, place
