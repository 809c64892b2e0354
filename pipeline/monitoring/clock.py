"""Which day is it, for a product? Replayed months lie in the past, and a vintage matures by the calendar of its decisions."""

from datetime import date

from sqlalchemy import Engine, func, select

from pipeline.store.tables import decisions, outcomes


def as_of_day(engine: Engine, project: str) -> date | None:
    """Return the day of the newest decision or outcome of a project, UTC; None where there is neither.

    In a bank at work that is today, or nearly; after a replay it is where the replay stopped.
    """
    with engine.connect() as connection:
        newest = [
            connection.scalar(select(func.max(column)).where(table.c.project == project))
            for table, column in ((decisions, decisions.c.decided_at), (outcomes, outcomes.c.known_at))
        ]
    known = [instant.date() for instant in newest if instant is not None]
    return max(known, default=None)
