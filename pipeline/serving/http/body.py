"""What a request says: strict JSON, one applicant or many, every fault of its shape named; the inputs are judged later."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipeline.serving.http.problems import Problem, refused
from pipeline.serving.records import Fault
from pipeline.serving.wording import nearest, shown

MAX_TEXT: Final = 200
"""Characters of an applicant's id or an idempotency key."""
ID_PATTERN: Final = r"[^\u0000-\u001f\u007f]+"
"""No control characters, NUL among them: logs, letters and databases break on them."""
HEADER_PATTERN: Final = r"[!-~]+"
"""Visible ASCII without spaces, which is what every client and proxy passes on unchanged in a header."""
_ONE: Final = ("inputs", "applicant_id", "idempotency_key")
_MANY: Final = "applications"
_HEADER: Final = "Idempotency-Key"
_LONG_NUMBER: Final = 400
"""Digits; a double holds no number that long, and Python's own conversion of one takes time that grows as their square."""
_NAMED: Final = 10
_Faults = list[tuple[int | None, Fault]]


@dataclass(frozen=True)
class Applicant:
    """One applicant as asked: the inputs as they came, the caller's names checked."""

    inputs: Mapping[str, Any]
    applicant_id: str | None = None
    idempotency_key: str | None = None


def read_applicants(body: bytes, header_key: str | None, max_rows: int) -> tuple[list[Applicant], bool]:
    """Read the applicants of a request, and whether they came as a list.

    ``header_key`` stands for the whole request: every applicant without a key of its own gets one made from it.

    Raises Problem 400 for what is not JSON, 413 for too many, 422 with every fault of the shape.
    """
    document = parse(body)
    faults: _Faults = []
    is_list = _MANY in document
    rows = _rows(document, max_rows, faults) if is_list else [(None, document)]
    _check_text(None, _HEADER, header_key, faults)
    if header_key and not faults and not re.fullmatch(HEADER_PATTERN, header_key):
        faults.append((None, Fault(_HEADER, shown(header_key), "must hold visible ASCII characters only, and no spaces")))
    found = [_applicant(index, row, header_key, faults) for index, row in rows]
    if faults:
        raise refused(faults, kind="invalid-request")
    return found, is_list


def parse(body: bytes) -> dict[str, Any]:
    """Parse a body that must be one JSON object in UTF-8; raises Problem 400 for anything else, and for a name given twice.

    NaN and infinity, which JSON does not have but many writers send, come back as such: the rules of the field refuse them by
    name.
    """
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_once_each, parse_int=_whole)
    except UnicodeDecodeError as error:
        raise _malformed(f"the body is not UTF-8: byte {error.start} is wrong") from None
    except json.JSONDecodeError as error:
        raise _malformed(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _malformed("the body is nested too deeply; an applicant is one flat object of inputs") from None
    if not isinstance(document, dict):
        raise _malformed(f"the body is {_kind(document)}, but must be an object with inputs or with applications")
    return document


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = [name for name, n in Counter(name for name, _ in pairs).items() if n > 1]
        faults = [(None, Fault(_name(name), "", "is given more than once in one object; give it once")) for name in twice]
        raise refused(faults, status=400, kind="malformed")
    return found


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONG_NUMBER else float(digits)


def _rows(document: dict[str, Any], max_rows: int, faults: _Faults) -> list[tuple[int | None, Any]]:
    _refuse_unknown(None, document, (_MANY,), faults)
    rows = document[_MANY]
    if not isinstance(rows, list) or not rows:
        faults.append((None, Fault(_MANY, shown(rows), "must be a list of one or more applicants")))
        return []
    if len(rows) > max_rows:
        raise Problem(413, "too-many", f"{len(rows):,} applications in one request; at most {max_rows:,} are taken")
    return list(enumerate(rows))


def _applicant(index: int | None, row: Any, header_key: str | None, faults: _Faults) -> Applicant:
    if not isinstance(row, dict):
        faults.append((index, Fault(_MANY, shown(row), f"is {_kind(row)}, but must be an object with inputs")))
        return Applicant({})
    _refuse_unknown(index, row, _ONE, faults)
    inputs = row.get("inputs")
    if not isinstance(inputs, dict):
        faults.append((index, Fault("inputs", shown(inputs), "must be an object with the applicant's fields")))
        inputs = {}
    applicant_id, key = (row.get(name) for name in _ONE[1:])
    _check_text(index, "applicant_id", applicant_id, faults)
    _check_text(index, "idempotency_key", key, faults)
    if key is None and header_key is not None:
        key = header_key if index is None else f"{header_key}#{index}"
    return Applicant(inputs, applicant_id, key)


def _check_text(index: int | None, name: str, value: Any, faults: _Faults) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        faults.append((index, Fault(name, shown(value), f"is {_kind(value)}, but must be text")))
    elif not 1 <= len(value) <= MAX_TEXT:
        faults.append((index, Fault(name, shown(value), f"must have 1 to {MAX_TEXT} characters, not {len(value):,}")))
    elif not re.fullmatch(ID_PATTERN, value) or not _encodes(value):
        faults.append((index, Fault(name, shown(value), "must not hold control characters or half a character")))


def _encodes(value: str) -> bool:
    """False for a lone surrogate, which JSON can spell and UTF-8, and so every database, cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_unknown(index: int | None, row: Mapping[str, Any], known: Sequence[str], faults: _Faults) -> None:
    extra = [name for name in row if name not in known]
    for name in extra[:_NAMED]:
        near = nearest(name, (*_ONE, _MANY))
        hint = f"did you mean {near!r}?" if near else f"use {', '.join(known)}; the applicant's fields go into inputs"
        faults.append((index, Fault(_name(name), shown(row[name]), f"is unknown; {hint}")))
    if len(extra) > _NAMED:
        faults.append((index, Fault("(others)", "", f"{len(extra) - _NAMED:,} more names are unknown")))


def _name(text: str) -> str:
    return text[:MAX_TEXT]


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names[type(value)]


def _malformed(detail: str) -> Problem:
    return Problem(400, "malformed", f"{detail}; nothing was decided or recorded")
