"""A text file as a checked stream of bytes: unpacked, UTF-8, without NUL, and never larger than its size lets expect."""

import codecs
import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Final

from pipeline.data.read import GZIP, DataError

MOST_UNPACKED_RATIO: Final = 100
"""How many times its own size a packed file may hold; tables of loans reach about 20."""
ALWAYS_ALLOWED_BYTES: Final = 64_000_000
"""Below this an unpacked file is harmless, whatever its ratio."""


def refuse_bomb(unpacked: int, packed: int, name: str) -> None:
    """Raise DataError when a packed file unpacks to far more than tables do."""
    if unpacked > max(ALWAYS_ALLOWED_BYTES, MOST_UNPACKED_RATIO * packed):
        raise DataError(
            f"{name}: unpacks to more than {MOST_UNPACKED_RATIO} times its size ({packed:,} bytes), which tables do not; "
            "send it unpacked, or in parts"
        )


class TextStream(io.RawIOBase):
    """The bytes of a CSV or gzip CSV file for a parser; what is wrong raises DataError naming the file and the line."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__()
        self._name = name
        self._packed = path.stat().st_size
        self._file = path.open("rb")
        is_gzip = self._file.read(len(GZIP)) == GZIP
        self._file.seek(0)
        self._source: IO[bytes] = gzip.GzipFile(fileobj=self._file) if is_gzip else self._file  # type: ignore[assignment]  # gzip reads like a file
        self._is_gzip = is_gzip
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._n_bytes = 0
        self._lines_before = 0

    def readable(self) -> bool:
        """Tell a parser that it may read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, b"" at the end."""
        try:
            content = self._source.read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{self._name}: is damaged or cut off ({error}); fetch it again") from error
        self._n_bytes += len(content)
        if self._is_gzip:
            refuse_bomb(self._n_bytes, self._packed, self._name)
        self._require_text(content)
        return content

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()

    def _require_text(self, content: bytes) -> None:
        if b"\x00" in content:
            raise DataError(f"{self._name}: is not text; CSV, gzip CSV and Parquet can be read")
        try:
            self._decoder.decode(content, final=not content)
        except UnicodeDecodeError as error:
            line = self._lines_before + content[: error.start].count(b"\n") + 1
            raise DataError(f"{self._name}: line {line} is not UTF-8; save the file as CSV in UTF-8") from None
        self._lines_before += content.count(b"\n")
