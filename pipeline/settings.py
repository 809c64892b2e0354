"""Where things are: read from the environment once per call, never at import, so that tests and processes can differ."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Settings:
    """Places of the mutable state. Everything lives under `home` unless an address says otherwise."""

    home: Path
    tracking_uri: str
    database_url: str

    @property
    def artifacts(self) -> Path:
        """Folder of MLflow artifacts when the tracking store is the local SQLite file."""
        return self.home / "artifacts"

    @property
    def snapshots(self) -> Path:
        """Folder of data snapshots, each a Parquet file named by its sha256."""
        return self.home / "snapshots"

    @property
    def is_local_tracking(self) -> bool:
        """True when runs are kept in the SQLite file under `home`."""
        return self.tracking_uri.startswith("sqlite:")


def load_settings() -> Settings:
    """Read RISKDECK_HOME, MLFLOW_TRACKING_URI and RISKDECK_DATABASE_URL (a secret: never logged)."""
    home = Path(os.environ.get("RISKDECK_HOME") or ".riskdeck").expanduser().resolve()
    return Settings(
        home=home,
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}",
        database_url=os.environ.get("RISKDECK_DATABASE_URL") or f"sqlite:///{home / 'riskdeck.db'}",
    )


CALLER_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}", re.ASCII)


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message names it, never a token."""


@dataclass(frozen=True)
class HttpSettings:
    """Who may call the HTTP API and how much one call and one caller may ask for."""

    token_hashes: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Per caller's name the SHA-256 of the token, in hex. A slow hash such as scrypt guards words that people choose; these
    tokens are 256 random bits, which nobody can try out, and every request pays for the hash."""
    max_body_bytes: int = 2_000_000
    max_rows: int = 1000
    """Applicants in one request."""
    requests_per_second: float = 2000.0
    """Per caller and worker process, with as many again at once."""


def load_http_settings() -> HttpSettings:
    """Read RISKDECK_API_TOKENS, _MAX_BYTES, _MAX_ROWS and _RATE; SettingsError names what is wrong.

    Tokens are ``name:sha256`` pairs with commas between, the rate is in requests per second.
    """
    usual = HttpSettings()
    return HttpSettings(
        token_hashes=_token_hashes(os.environ.get("RISKDECK_API_TOKENS", "")),
        max_body_bytes=int(_positive("RISKDECK_API_MAX_BYTES", usual.max_body_bytes)),
        max_rows=int(_positive("RISKDECK_API_MAX_ROWS", usual.max_rows)),
        requests_per_second=_positive("RISKDECK_API_RATE", usual.requests_per_second),
    )


@dataclass(frozen=True)
class AlertSettings:
    """Where alerts are sent, as addresses that Apprise reads (Slack, e-mail, PagerDuty, webhooks), and how long it may take."""

    addresses: tuple[str, ...] = field(default=(), repr=False)
    """Secrets: an address holds tokens and passwords."""
    page: str = ""
    """Where the dashboard is found, for the link in a message; empty for none."""
    seconds: float = 20.0
    """Longest that sending may hold up one run; what is not sent by then is tried again by the next."""


def load_alert_settings() -> AlertSettings:
    """Read RISKDECK_ALERT_URLS (a secret: never logged), RISKDECK_DASHBOARD_URL and RISKDECK_ALERT_SECONDS.

    Addresses stand one after the other, with spaces, line ends or commas between. SettingsError names the variable and the
    number of the address that is none, never the address.
    """
    text = os.environ.get("RISKDECK_ALERT_URLS", "")
    # A comma may also stand inside an address, between two recipients.
    addresses = tuple(part for part in re.split(r"\s+|,(?=\s*[A-Za-z][\w+.-]*://)", text) if part)
    for number, address in enumerate(addresses, start=1):
        if not re.match(r"[A-Za-z][\w+.-]*://.", address):
            raise SettingsError(f"RISKDECK_ALERT_URLS: entry {number} is no address such as slack://... or mailtos://...")
    page = os.environ.get("RISKDECK_DASHBOARD_URL", "").strip().rstrip("/")
    if page and not re.match(r"https?://[^\s/]", page):
        raise SettingsError(f"RISKDECK_DASHBOARD_URL = {page!r}: must begin with http:// or https://")
    return AlertSettings(addresses, page, _positive("RISKDECK_ALERT_SECONDS", AlertSettings().seconds))


def _token_hashes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, pair in enumerate((p.strip() for p in text.split(",") if p.strip()), start=1):
        name, _, digest = pair.partition(":")
        # What is wrong is not repeated: somebody may have pasted the token itself.
        if not CALLER_NAME.fullmatch(name) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise SettingsError(
                f"RISKDECK_API_TOKENS: entry {number} is not name:hash, a name of letters and digits and 64 hex digits; "
                "`python -m pipeline serve --new-token NAME` prints one"
            )
        if name in found or digest in found.values():
            raise SettingsError(f"RISKDECK_API_TOKENS: entry {number} repeats a name or a hash; give each caller its own")
        found[name] = digest
    return found


def _positive(name: str, usual: float) -> float:
    text = os.environ.get(name) or str(usual)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value < float("inf"):
        raise SettingsError(f"{name} = {text!r}: must be a number of 1 or more; without it {usual:g} is used")
    return value


def quiet_mlflow() -> None:
    """Before MLflow is imported: no telemetry, no progress bars of its own, no chatter. What the operator set stands."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
