"""How inputs are talked about: what was given, what would be right, and which name was probably meant."""

import difflib
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import numpy as np

from pipeline.data.clean import category_text
from pipeline.project import Feature

GIVEN_CHARS: Final = 60
"""What was given is shown up to here."""
SHOWN_CHOICES: Final = 12
LONGEST_NAME: Final = 200
"""No name or choice is longer; what is, is not even compared."""


def shown(value: object) -> str:
    """Return what was given as short text on one line, without anything that could break a page or a log."""
    if value is None:
        return "nothing"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, int | np.integer) and abs(int(value)) >= 10**GIVEN_CHARS:
        return f"a number of over {GIVEN_CHARS} digits"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return plain(float(value))
    if not isinstance(value, str):
        return kind_of(value)
    return repr(value) if len(value) <= GIVEN_CHARS else f"{value[:GIVEN_CHARS]!r}..."


def plain(number: float) -> str:
    """Return a number as a person would type it: 36 and 0.25, never 36.0."""
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def nearest(wrong: str, right: Iterable[str]) -> str | None:
    """Return the name that was probably meant, whatever its case, or None."""
    if len(wrong) > LONGEST_NAME:
        return None
    by_lower = {name.lower(): name for name in right}
    close = difflib.get_close_matches(wrong.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def expected(feature: Feature, nullable: bool) -> str:
    """Say what would be right for a feature, as the end of a sentence."""
    ends = f" from {plain(feature.range[0])} to {plain(feature.range[1])}" if feature.range else ""
    if feature.kind == "number":
        right = f"give a {'whole ' if feature.integer else ''}number{ends}{f' ({feature.unit})' if feature.unit else ''}"
    elif feature.kind == "boolean":
        right = "give true or false"
    else:
        texts = [str(category_text(choice)) for choice in feature.choices]
        more = f" or {len(texts) - SHOWN_CHOICES} more" if len(texts) > SHOWN_CHOICES else ""
        right = f"give one of {', '.join(texts[:SHOWN_CHOICES])}{more}"
    codes = f" ({', '.join(map(str, feature.missing))} where it is not known)" if feature.missing else ""
    return right + (codes or (", or nothing where it is not known" if nullable else ""))


def kind_of(value: object) -> str:
    """Name the kind of a value as someone who writes JSON or CSV would."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, date | np.datetime64):
        return "a date"
    return "a list" if isinstance(value, list | tuple | np.ndarray) else f"a {type(value).__name__}"
