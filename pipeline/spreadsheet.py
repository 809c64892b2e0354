"""Text for files that people open in a spreadsheet: no cell of foreign text can run as a formula (OWASP, CSV injection)."""

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_STARTS: Final = r"[=+\-@＝＋－＠\t\r|%]"
_RUNS_AS_FORMULA: Final = re.compile(rf"^\s*{_STARTS}")
"""Signs that Excel, LibreOffice or Google Sheets read as the start of a formula, command or control, also in full width."""
_BLANK: Final = r"[\s\p{Z}\x{0b}\x{85}\x{1c}-\x{1f}]"  # what Python calls \s, in RE2's words
_PLAIN_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def inert(cell: object) -> object:
    """Return a cell so that a spreadsheet shows it; numbers, times and harmless text stay as they are."""
    return f"'{cell}" if isinstance(cell, str) and _RUNS_AS_FORMULA.match(cell) else cell


def inert_texts(texts: pa.Array) -> pa.Array:
    """Return texts as `inert` would each, but -5 or +1.5 as they stand: a plain number runs nothing."""
    runs = pc.match_substring_regex(texts, rf"^{_BLANK}*{_STARTS}")
    if not pc.any(runs).as_py():
        return texts
    is_number = pc.match_substring_regex(texts, _PLAIN_NUMBER)
    led = pc.binary_join_element_wise(pa.scalar("'", texts.type), texts, pa.scalar("", texts.type))
    return pc.if_else(pc.and_(runs, pc.invert(is_number)), led, texts)
