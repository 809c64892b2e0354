"""Search the decision log: the newest first, by page, as fast with a million decisions as with ten.

Within one source, outcome and version, here called a stretch, the index holds decisions in order of time. A search reads the
head of each stretch and merges the heads, so its cost does not grow with the log.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pandas as pd
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    TextClause,
    bindparam,
    func,
    select,
    text,
    union,
)

from pipeline import contract
from pipeline.serving.decision_rows import reading
from pipeline.store.tables import UtcDateTime, decisions, overrides

COLUMNS: Final = (
    "seq", "id", "decided_at", "source", "applicant_id", "model_version", "policy_id", "pd", "grade", "outcome", "override",
    "reasons", "idempotency_key",
)  # fmt: skip
"""Of `find`: ``override`` is the outcome by which a person last decided a review, ``reasons`` the texts joined by "; "."""
PREFIX: Final = re.compile(r"[0-9a-f-]{8,36}")
"""The beginning of an id: shorter ones stand for days of decisions."""
TEXT_ROWS: Final = 1000
"""The newest decisions that one beginning, or one applicant, stands for."""
COUNTED: Final = 100_000
"""How far a search counts: PostgreSQL needs half a second for a million."""
_PER_QUERY: Final = 100
"""Stretches per statement; SQLite takes at most 500 SELECTs in one."""

Stretch = tuple[str, str, int]


@dataclass(frozen=True)
class _Asked:
    project: str
    text: str
    since: datetime | None
    until: datetime | None
    outcomes: Sequence[str]
    versions: Sequence[int]
    sources: Sequence[str]

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            moment = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name} {moment} has no time zone; give an aware datetime such as {moment}+00:00")

    def takes(self, stretch: Stretch) -> bool:
        asked = (self.sources, self.outcomes, self.versions)
        return all(not among or value in among for value, among in zip(stretch, asked, strict=True))


def find(
    store: Engine | Connection, project: str, *, text: str = "", since: datetime | None = None, until: datetime | None = None,
    outcomes: Sequence[str] = (), versions: Sequence[int] = (), sources: Sequence[str] = (), limit: int = 200,
    before: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return decisions as a table with `COLUMNS`, newest first: by ``decided_at``, those of one instant by ``seq``.

    ``text`` is an id, the first eight or more characters of one, or an applicant's id, and stands for `TEXT_ROWS` decisions
    at most; ``since`` is included, ``until`` is not; an empty selection means all. The next page is ``before`` the last
    ``seq`` of this one. Raises ValueError for a time without zone or a ``before`` that no decision has.
    """
    asked = _Asked(project, _plain(text), since, until, outcomes, versions, sources)
    with reading(store) as connection:
        last = None if before is None else (_decided_at(connection, before), before)
        found = _newest(connection, asked, limit, last)
        return _table(connection, found)


def count(
    store: Engine | Connection, project: str, *, text: str = "", since: datetime | None = None, until: datetime | None = None,
    outcomes: Sequence[str] = (), versions: Sequence[int] = (), sources: Sequence[str] = (), at_most: int = COUNTED,
) -> int:  # fmt: skip
    """Return how many decisions `find` would show on all its pages together, counting no further than ``at_most``."""
    asked = _Asked(project, _plain(text), since, until, outcomes, versions, sources)
    with reading(store) as connection:
        if asked.text:
            return min(at_most, len(_by_text(connection, asked)))
        found = 0
        for query in _over_stretches(connection, asked, _ONE, _COUNTED, at_most, None):
            found += connection.execute(query).scalar_one()
        return min(at_most, found)


def versions_seen(store: Engine | Connection, project: str) -> list[int]:
    """Return the model versions that have decided in a project, ascending."""
    with reading(store) as connection:
        return sorted({version for _, _, version in _stretches(connection, project)})


def _plain(text: str) -> str:
    """Return text that a database takes; what it does not take stands in no id."""
    return text.encode(errors="replace").decode().replace("\0", "?").strip()


def _newest(connection: Connection, asked: _Asked, limit: int, last: tuple[datetime, int] | None) -> list[int]:
    """Return the numbers of the newest decisions asked for, newest first."""
    if asked.text:
        rows = _by_text(connection, asked)
        heads = [row for row in rows if last is None or row < last]
    else:
        heads = [
            (row.decided_at, row.seq)
            for query in _over_stretches(connection, asked, _HEAD, _MERGED, limit, last)
            for row in connection.execute(query.columns(decided_at=UtcDateTime))
        ]
    return [seq for _, seq in sorted(heads, reverse=True)[:limit]]


_WHERE = "project = :project AND source = :source{at} AND outcome = :outcome{at} AND model_version = :version{at}{more}"
_HEAD = (
    f"SELECT * FROM (SELECT seq, decided_at FROM decisions WHERE {_WHERE} "  # noqa: S608 - our own words
    "ORDER BY decided_at DESC, seq DESC LIMIT :limit) AS head{at}"
)
_MERGED = "SELECT seq, decided_at FROM ({}) AS heads ORDER BY decided_at DESC, seq DESC LIMIT :limit"
_ONE = f"SELECT 1 AS found FROM decisions WHERE {_WHERE}"  # noqa: S608 - our own words
_COUNTED = "SELECT count(*) FROM (SELECT * FROM ({}) AS each_one LIMIT :limit) AS counted"


def _over_stretches(
    connection: Connection, asked: _Asked, each: str, whole: str, limit: int, last: tuple[datetime, int] | None
) -> Iterator[TextClause]:
    """Yield the statements that ask every stretch the same question; Core would take longer to write them than SQL to run."""
    given: dict[str, Any] = {"limit": limit, "since": asked.since, "until": asked.until}
    given |= {"last_at": last[0], "last_seq": last[1]} if last else {}
    more = "".join(f" AND {words}" for name, words in _BOUNDS.items() if given.get(name) is not None)
    stretches = [stretch for stretch in _stretches(connection, asked.project) if asked.takes(stretch)]
    for start in range(0, len(stretches), _PER_QUERY):
        part = stretches[start : start + _PER_QUERY]
        statement = text(whole.format(" UNION ALL ".join(each.format(at=at, more=more) for at in range(len(part)))))
        named = {"project": asked.project} | {name: value for name, value in given.items() if value is not None}
        for at, stretch in enumerate(part):
            named |= zip((f"source{at}", f"outcome{at}", f"version{at}"), stretch, strict=True)
        yield statement.bindparams(
            *(bindparam(name, value, UtcDateTime() if isinstance(value, datetime) else None) for name, value in named.items())
        )


_BOUNDS = {
    "since": "decided_at >= :since",
    "until": "decided_at < :until",
    "last_at": "(decided_at, seq) < (:last_at, :last_seq)",
}


def _stretches(connection: Connection, project: str) -> list[Stretch]:
    """Return the stretches that hold decisions, jumping along the index from version to version."""
    rows = connection.execute(_JUMPS, {"project": project}).all()
    return [(row.source, row.outcome, row.version) for row in rows]


def _values(names: Sequence[str]) -> str:
    return ", ".join(f"('{name}')" for name in names)


_NEXT = (
    "(SELECT min(model_version) FROM decisions WHERE project = :project AND source = {0}.source AND outcome = {0}.outcome{1})"
)
_JUMPS = text(
    f"WITH RECURSIVE sources (source) AS (VALUES {_values(contract.SOURCES)}), "  # noqa: S608 - our own words
    f"outcomes (outcome) AS (VALUES {_values(contract.OUTCOMES)}), "
    "cells (source, outcome) AS (SELECT source, outcome FROM sources CROSS JOIN outcomes), "
    "stretches (source, outcome, version) AS ("
    f"SELECT source, outcome, {_NEXT.format('cells', '')} FROM cells UNION ALL "
    f"SELECT source, outcome, {_NEXT.format('stretches', ' AND model_version > stretches.version')} "
    "FROM stretches WHERE version IS NOT NULL) "
    "SELECT source, outcome, version FROM stretches WHERE version IS NOT NULL"
)


def _by_text(connection: Connection, asked: _Asked) -> list[tuple[datetime, int]]:
    """Return when and under which number stand the decisions with this id, beginning of an id, or applicant."""
    table, lower = decisions, asked.text.lower()
    applicant = _newest_ids(table.c.project == asked.project, table.c.applicant_id == asked.text, newest=table.c.seq)
    ways = [select(table.c.seq).where(table.c.id.in_([asked.text, lower])), applicant]
    if PREFIX.fullmatch(lower):
        # A range, which the index serves; a collation that ignores hyphens can make it wider than the prefix.
        begins = func.substr(table.c.id, 1, len(lower)) == lower
        ways.append(_newest_ids(table.c.id >= lower, table.c.id < f"{lower}g", begins, newest=table.c.id))
    shown = (table.c.seq, table.c.decided_at, table.c.project, table.c.source, table.c.outcome, table.c.model_version)
    # The other conditions follow here: asked along, SQLite would rather walk the whole project.
    rows = connection.execute(select(*shown).where(table.c.seq.in_(union(*ways)))).all()
    return [
        (row.decided_at, row.seq)
        for row in rows
        if row.project == asked.project and asked.takes((row.source, row.outcome, row.model_version))
        and (asked.since is None or row.decided_at >= asked.since) and (asked.until is None or row.decided_at < asked.until)
    ]  # fmt: skip


def _newest_ids(*where: ColumnElement[bool], newest: ColumnElement[Any]) -> Select[int]:
    found = select(decisions.c.seq).where(*where).order_by(newest.desc()).limit(TEXT_ROWS).subquery()
    return select(found.c.seq)


def _decided_at(connection: Connection, seq: int) -> datetime:
    found: datetime | None = connection.execute(select(decisions.c.decided_at).where(decisions.c.seq == seq)).scalar()
    if found is None:
        raise ValueError(f"no decision has the number {seq}; give before the seq of the last row shown")
    return found


def _table(connection: Connection, seqs: Sequence[int]) -> pd.DataFrame:
    stored = [decisions.c[name] for name in COLUMNS if name != "override"]
    rows = {row["seq"]: dict(row) for row in connection.execute(select(*stored).where(decisions.c.seq.in_(seqs))).mappings()}
    decided = _last_overrides(connection, [row["id"] for row in rows.values()])
    for row in rows.values():
        row["override"] = decided.get(row["id"])
        row["reasons"] = "; ".join(reason["text"] for reason in row["reasons"])
    table = pd.DataFrame([rows[seq] for seq in seqs], columns=list(COLUMNS))
    return table.astype({"seq": "int64", "model_version": "int64", "pd": "float64"}).assign(
        decided_at=pd.to_datetime(table["decided_at"], utc=True)
    )


def _last_overrides(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    query = select(overrides.c.decision_id, overrides.c.outcome).where(overrides.c.decision_id.in_(ids))
    return {row.decision_id: row.outcome for row in connection.execute(query.order_by(overrides.c.at, overrides.c.id))}
