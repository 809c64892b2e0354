"""What to simulate: the size and calendar of the book, and the three incidents with their dates and truths."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

DEVELOPMENT_MONTHS: Final = 14
CLEAN_MONTHS: Final = 16
DEFAULT_RATE: Final = 0.185
RECESSION_RISE: Final = 0.04
"""How much the recession lifts the default rate of the ordinary applicants in its months."""


@dataclass(frozen=True)
class Incident:
    """Something that happens to the book from one month on; the ground truth that monitoring is tested against.

    `columns` are what it moves, `channel` the only one it touches (None: all), `strength` what the incident's own line says.
    """

    name: str
    start_month: int
    strength: float
    columns: tuple[str, ...]
    kind: str
    channel: str | None = None

    def start_date(self, first_month: str) -> pd.Timestamp:
        """Return the first day on which it acts, in a book that opens in `first_month` (YYYY-MM)."""
        return pd.Timestamp(np.datetime64(first_month, "M") + (self.start_month - 1))


CAMPAIGN: Final = Incident("campaign", 17, 0.35, ("channel", "age", "credit_history_months"), "data drift", "partner")
"""From May 2025. Strength: extra applicants as a share of the month's usual volume. `columns` move clearly (PSI above 0.10);
what follows from youth, such as income or employment, moves less."""
RECESSION: Final = Incident("recession", 19, 0.75, ("default",), "concept drift")
"""From July 2025. Strength: how much of income's effect on the hazard is lost. Inputs stay as they are."""
RENAME: Final = Incident("rename", 21, 0.38, ("days_since_last_login",), "data quality")
"""From September 2025. Strength: share of rows filled with 0; the true value still drives default."""
INCIDENTS: Final = MappingProxyType({incident.name: incident for incident in (CAMPAIGN, RECESSION, RENAME)})


@dataclass(frozen=True)
class BookSpec:
    """What to simulate: `n` usual applications over `months` from `first_month`, plus those a campaign brings; None is off.

    Raises:
        ValueError: when a number is out of its range, the month is not YYYY-MM, or an incident stands in another's place.
    """

    seed: int = 42
    n: int = 60_000
    first_month: str = "2024-01"
    months: int = 24
    campaign: Incident | None = CAMPAIGN
    recession: Incident | None = RECESSION
    rename: Incident | None = RENAME

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated, naming the field."""
        for field, least in (("seed", 0), ("n", 100), ("months", 1)):
            if getattr(self, field) < least:
                raise ValueError(f"{field} = {getattr(self, field)}: must be at least {least}")
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", self.first_month):
            raise ValueError(f"first_month = {self.first_month!r}: must be a month as YYYY-MM, such as 2024-01")
        self._check_incidents()

    def _check_incidents(self) -> None:
        for name in INCIDENTS:
            incident: Incident | None = getattr(self, name)
            if incident is None:
                continue
            if incident.name != name:
                raise ValueError(f"{name} = incident {incident.name!r}: only {name!r} (or None) can stand there")
            if incident.start_month < 1 or not 0.0 <= incident.strength <= 1.0:
                raise ValueError(
                    f"{name}: start_month = {incident.start_month}, strength = {incident.strength}: "
                    "must be at least 1, and between 0 and 1"
                )

    def without(self, names: Collection[str]) -> "BookSpec":
        """Return the same book with the named incidents off.

        Raises:
            ValueError: when a name is not one of `INCIDENTS`.
        """
        unknown = sorted(set(names) - set(INCIDENTS))
        if unknown:
            raise ValueError(f"unknown incident {', '.join(unknown)}: must be among {', '.join(INCIDENTS)}")
        off: dict[str, Any] = dict.fromkeys(names)
        return replace(self, **off)
