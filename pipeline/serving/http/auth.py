"""Who is calling: bearer tokens of which only hashes are kept, and what may be open without any."""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping

PREFIX = "rd_"
"""Lets a leaked token be found by scanners and recognised by people."""


def new_token() -> tuple[str, str]:
    """Return a token of 256 random bits and the SHA-256 that the settings keep of it."""
    token = PREFIX + secrets.token_urlsafe(32)
    return token, hashlib.sha256(token.encode()).hexdigest()


def caller_of(authorization: bytes | None, token_hashes: Mapping[str, str]) -> str | None:
    """Return the name of the caller whose token the header ``Authorization: Bearer TOKEN`` carries, or None.

    Every hash is compared, each in constant time: how long it takes says nothing about the token.
    """
    scheme, _, token = (authorization or b"").partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    digest = hashlib.sha256(token.strip()).hexdigest()
    found = None
    for name, known in token_hashes.items():
        if hmac.compare_digest(digest, known):
            found = name
    return found


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on can be reached from this machine alone; a name other than localhost cannot tell."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(header: bytes | None) -> str:
    """Return the name in a ``Host`` header, without the port."""
    text = (header or b"").decode("latin-1")
    return text[: text.index("]") + 1] if text.startswith("[") and "]" in text else text.partition(":")[0]
