"""What became of whom was decided: kept as it becomes known, corrected by new rows, joined to decisions as of any day.

An outcome is about a subject, the id of an applicant or of a decision. Several rows of one subject are its revisions, in the
order in which they were recorded; what was known on a day is the row that became known last until then.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, DateTime, Engine, Float, func, literal, select, type_coerce

from pipeline import contract
from pipeline.evaluation.inputs import BoolArray
from pipeline.monitoring.outcomes_check import OutcomeError
from pipeline.monitoring.outcomes_record import OutcomesRecorded, record_outcomes, typed_rows
from pipeline.project import ProjectConfig, list_projects, load_project, parse_project
from pipeline.registry import ledger, runs
from pipeline.serving.log_errors import in_plain_words
from pipeline.store.tables import UtcDateTime, decisions
from pipeline.store.tables import outcomes as table

__all__ = ["OutcomeError", "OutcomesRecorded", "day_end", "last_known", "read_outcomes", "record_outcomes", "with_outcomes"]

KNOWN_COLUMNS: Final = ("subject_id", "known_at", "defaulted", "cash", "revision", "first_known_at", "since")
"""Of `read_outcomes`: ``known_at`` of the row that holds, ``first_known_at`` of the subject's first row, and ``since`` when
``defaulted`` has been what it is now: a later correction of the money does not move it."""

JOINED: Final = (
    "id", "applicant_id", "decided_at", "model_version", "policy_id", "outcome", "pd", "grade", "amount", "y", "known_at",
    "cash",
)  # fmt: skip


def read_outcomes(engine: Engine, project: str, as_of: date | None = None) -> pd.DataFrame:
    """Return what is known of each subject by the end of a day (None: all that is recorded), columns `KNOWN_COLUMNS`."""
    names = KNOWN_COLUMNS[: KNOWN_COLUMNS.index("first_known_at")]
    query = select(*(_plain(table.c[name]) for name in names)).where(table.c.project == project)
    if as_of is not None:
        query = query.where(table.c.known_at < day_end(as_of))
    with in_plain_words(), engine.connect() as connection:
        rows = pd.DataFrame(connection.execute(query).all(), columns=list(names))
    rows = typed_rows(rows).sort_values(["subject_id", "known_at", "revision"], ignore_index=True)
    turned = rows["subject_id"].ne(rows["subject_id"].shift()) | rows["defaulted"].ne(rows["defaulted"].shift())
    rows["cash"] = rows.groupby(turned.cumsum())["cash"].ffill()  # an outcome told again without its money leaves it
    rows["since"] = rows.groupby(turned.cumsum())["known_at"].transform("first")
    rows["first_known_at"] = rows.groupby("subject_id")["known_at"].transform("first")
    return rows.drop_duplicates("subject_id", keep="last", ignore_index=True)[list(KNOWN_COLUMNS)]


def last_known(engine: Engine, project: str) -> date | None:
    """Return the day of the newest outcome of a project, UTC; None where there is none."""
    with engine.connect() as connection:
        newest = connection.scalar(select(func.max(table.c.known_at)).where(table.c.project == project))
    return None if newest is None else newest.date()


def day_end(day: date) -> datetime:
    """Return the first instant after a day, UTC."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def with_outcomes(
    engine: Engine, project: str, *, first: date | None = None, last: date | None = None, as_of: date | None = None,
    config: ProjectConfig | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return one row per decision of the days ``first`` to ``last`` (None: all), by decided_at, with the columns `JOINED`.

    ``y`` is 1 or 0 where the outcome was known by the end of ``as_of`` (None: ever) and NaN elsewhere; ``known_at`` since when
    it has been so; ``cash`` what the loan returned; ``amount`` the input that ``config`` names, by default the project's.
    An outcome that names an applicant belongs to the latest decision at or before the day on which it first became known; one
    that names a decision belongs to that, whatever else is known of the applicant.
    """
    product = config or _config(engine, project)
    amount = None if product is None else product.data.amount
    decided = _decisions(engine, project, first, last, amount)
    known = read_outcomes(engine, project, as_of)
    if decided.empty or known.empty:
        return _join(decided, known.iloc[:0].assign(id=""))
    is_decision = _are_among(known["subject_id"], decided["id"])
    named = known[is_decision].assign(id=known["subject_id"])
    of_applicant = known[~is_decision]
    later = _later(engine, project, first, last)
    found = _of_applicants(of_applicant, pd.concat([decided[["id", "applicant_id", "decided_at"]], later], ignore_index=True))
    found = found[~_are_among(found["id"], named["id"])]
    return _join(decided, pd.concat([named, found], ignore_index=True))


def _of_applicants(known: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
    """Give each applicant's outcome the id of the decision it belongs to; those that belong to none are left out."""
    pairs: pd.DataFrame = known.merge(decided, left_on="subject_id", right_on="applicant_id")
    # By days: an outcome that is known on a day is dated to its beginning, a decision of that day to its hour.
    pairs = pairs[pairs["decided_at"].dt.floor("D") <= pairs["first_known_at"]].sort_values(["decided_at", "id"])
    return pairs.drop_duplicates("subject_id", keep="last")


def _are_among(texts: "pd.Series[str]", those: "pd.Series[str]") -> BoolArray:
    """Like isin, which takes half a second for 40,000 Arrow texts."""
    there = frozenset(those.tolist())
    return np.array([text in there for text in texts.tolist()], dtype=np.bool_)


def _join(decided: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    told = known.set_index("id")[["defaulted", "since", "cash"]].reindex(decided["id"])
    joined = decided.assign(
        y=told["defaulted"].astype("float64").to_numpy(),
        known_at=pd.to_datetime(told["since"], utc=True).array,
        cash=told["cash"].astype("float64").to_numpy(),
    )
    return joined.reindex(columns=list(JOINED))


def _decisions(engine: Engine, project: str, first: date | None, last: date | None, amount: str | None) -> pd.DataFrame:
    """Read the decisions of a window, amounts out of their inputs where there are any."""
    names = JOINED[: JOINED.index("amount")]
    asked: ColumnElement[Any] = literal(None, Float) if amount is None else decisions.c.inputs[amount].as_float()
    query = select(*(_plain(decisions.c[name]) for name in names), asked).where(
        decisions.c.project == project, *_between(first, last)
    )
    with in_plain_words(), engine.connect() as connection:
        rows = connection.execute(query.order_by(decisions.c.decided_at, decisions.c.seq)).all()
    frame = pd.DataFrame(rows, columns=[*names, "amount"])
    return frame.assign(
        decided_at=pd.to_datetime(frame["decided_at"], utc=True).dt.as_unit("us"),
        model_version=frame["model_version"].astype("int64"),
        pd=frame["pd"].astype("float64"),
        amount=frame["amount"].astype("float64"),
    )


def _later(engine: Engine, project: str, first: date | None, last: date | None) -> pd.DataFrame:
    """Decisions after the window on applicants of the window: an outcome may belong to them instead."""
    columns = (decisions.c.id, decisions.c.applicant_id, decisions.c.decided_at)
    if last is None:
        return pd.DataFrame(columns=[c.name for c in columns]).astype({"decided_at": "datetime64[us, UTC]"})
    mine = decisions.c.project == project
    inside = select(decisions.c.applicant_id).where(mine, decisions.c.applicant_id.is_not(None), *_between(first, last))
    query = select(*columns).where(mine, decisions.c.decided_at >= day_end(last), decisions.c.applicant_id.in_(inside))
    with in_plain_words(), engine.connect() as connection:
        rows = pd.DataFrame(connection.execute(query).all(), columns=[c.name for c in columns])
    return rows.assign(decided_at=pd.to_datetime(rows["decided_at"], utc=True).dt.as_unit("us"))


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Leave instants as the driver gives them: pandas adds the zone to all of them at once."""
    return type_coerce(column, DateTime(timezone=True)) if isinstance(column.type, UtcDateTime) else column


def _between(first: date | None, last: date | None) -> list[ColumnElement[bool]]:
    since = [] if first is None else [decisions.c.decided_at >= datetime.combine(first, time(), UTC)]
    return since + ([] if last is None else [decisions.c.decided_at < day_end(last)])


def _config(engine: Engine, project: str) -> ProjectConfig | None:
    """Return the project as built in, else as the live model's run logged it; None where nothing is live."""
    if project in list_projects():
        return load_project(project)
    live = ledger.live_at(engine, project)
    return None if live is None else parse_project(runs.read_text(live.run_id, contract.ARTIFACT_PROJECT), project)
