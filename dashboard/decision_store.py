"""What the pages read of the decision log; always fresh, because an answer about a decision must not be a minute old."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from dashboard import loading_desk
from dashboard.decision_book import Query
from pipeline import contract
from pipeline.settings import load_settings
from pipeline.store.address import StoreError

if TYPE_CHECKING:
    from pipeline.serving.again import Again
    from pipeline.serving.overrides import Override
    from pipeline.serving.records import Decision


COUNTED: Final = 100_000
"""So far decisions of one outcome are counted: a log of millions must not hold up the page."""
TAKEN_AWAY: Final = 50_000
"""So many decisions a file holds at most; more are for a query of the store."""
_AT_ONCE: Final = 5_000


@contextmanager
def reading() -> Iterator[None]:
    """Turn whatever keeps the log from being read into StoreError, in plain words and without any row's content."""
    from pipeline.serving.log_errors import LogError, in_plain_words

    try:
        with in_plain_words():
            yield
    except LogError as error:
        raise StoreError(f"The decision log cannot be read: {str(error).partition(';')[0]}.") from None


def decision(decision_id: str) -> "Decision | None":
    """One decision by its id, or None. Raises StoreError."""
    from pipeline.serving.decision_log import read_decision

    with reading():
        return read_decision(loading_desk.store_engine(), decision_id)


def overrides_of(decision_id: str) -> "tuple[Override, ...]":
    """What people decided about a decision, oldest first. Raises StoreError."""
    from pipeline.serving.overrides import overrides_of as read

    with reading():
        return tuple(read(loading_desk.store_engine(), decision_id))


def versions_seen(project: str) -> list[int]:
    """Model versions that ever decided in a project, newest first. Raises StoreError."""
    from pipeline.serving import decision_search

    with reading():
        return decision_search.versions_seen(loading_desk.store_engine(), project)[::-1]


def find(project: str, query: Query, limit: int, before: int | None) -> pd.DataFrame:
    """Decisions that match, newest first; a place to begin that does not exist is the beginning. Raises StoreError."""
    from pipeline.serving import decision_search

    asked: Mapping[str, Any] = query.as_search()
    with reading():
        engine = loading_desk.store_engine()
        try:
            return decision_search.find(engine, project, **asked, limit=limit, before=before)
        except ValueError:
            return decision_search.find(engine, project, **asked, limit=limit)


def find_all(project: str, query: Query, at_most: int = TAKEN_AWAY, at_once: int = _AT_ONCE) -> pd.DataFrame:
    """Decisions that match, newest first, on all pages of the list together. Raises StoreError."""
    parts, before = list[pd.DataFrame](), None
    while not parts or (len(parts[-1]) == at_once and sum(map(len, parts)) < at_most):
        parts.append(find(project, query, at_once, before))
        before = int(parts[-1]["seq"].iloc[-1]) if len(parts[-1]) else None
    return pd.concat(parts, ignore_index=True).head(at_most)


def count_by_outcome(project: str, query: Query) -> dict[str, int]:
    """How many decisions match, by outcome; outcomes without any are left out; counted to `COUNTED`. Raises StoreError."""
    from pipeline.serving import decision_search

    asked: dict[str, Any] = query.as_search()
    wanted = query.outcomes or contract.OUTCOMES
    with reading():
        engine = loading_desk.store_engine()
        counts = {o: decision_search.count(engine, project, **{**asked, "outcomes": (o,)}, at_most=COUNTED) for o in wanted}
    return {outcome: n for outcome, n in counts.items() if n}


def show_again(found: "Decision") -> "Again":
    """Score a recorded decision again with the recorded version. Raises StoreError."""
    from pipeline.serving.again import show_again as again

    with reading():
        return again(load_settings(), loading_desk.store_engine(), found)
