"""Addresses of the store: what is accepted, and how a password stays out of every text."""

from typing import Final
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_POSTGRESQL: Final = ("postgresql", "postgres", "postgresql+psycopg")
_SECRET_OPTIONS: Final = ("password", "sslpassword")


class StoreError(ValueError):
    """The store cannot be opened or used as asked; the message never holds a password."""


def parse_address(database_url: str) -> URL:
    """Read ``sqlite:///path`` or ``postgresql://user:password@host/name``; raise StoreError for anything else."""
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        # The text itself is not repeated: whatever is wrong with it, it may hold a password.
        raise StoreError(
            "the database address cannot be read; write sqlite:///folder/file.db or "
            "postgresql://user:password@host:5432/name (special characters of the password percent-encoded)"
        ) from None
    if url.drivername in _POSTGRESQL:
        return _password_in_its_place(url.set(drivername="postgresql+psycopg"))
    if url.drivername != "sqlite":
        raise StoreError(f"the store cannot be kept in {url.drivername!r}; use sqlite:/// or postgresql://")
    if url.database in (None, "", ":memory:"):
        raise StoreError("sqlite:// names no file, so nothing would be kept; write sqlite:///folder/file.db")
    return url


def shown(url: URL) -> str:
    """Return the address as a person may see it: password masked, options left out."""
    return url.set(query={}).render_as_string(hide_password=True)


def without_secrets(message: str, url: URL) -> str:
    """Return the message with every spelling of the address's secrets masked."""
    options = [url.query.get(name) for name in _SECRET_OPTIONS]
    for secret in [url.password, *options]:
        for spelling in {str(secret), quote(str(secret)), quote_plus(str(secret))} if secret else ():
            message = message.replace(spelling, "***")
    return message


def _password_in_its_place(url: URL) -> URL:
    """Move ``?password=`` into the part of the address that SQLAlchemy masks."""
    password = url.query.get("password")
    if not isinstance(password, str):
        return url
    return url.difference_update_query(["password"]).set(password=url.password or password)
