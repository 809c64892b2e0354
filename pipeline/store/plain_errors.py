"""What the database raises, in words that hold nothing of anybody's row."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError

from pipeline.store.address import StoreError


@contextmanager
def plain_store_errors(what: str, then: str = "") -> Iterator[None]:
    """Turn errors of the database into StoreError: what cannot be done, the database's own code, and what to do then."""
    try:
        yield
    except DBAPIError as error:
        origin: Any = error.orig
        code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None) or type(origin).__name__
        # "from None", because a driver's own text can quote a whole row.
        raise StoreError(f"{what}: the store failed ({code}){then and f'; {then}'}") from None
