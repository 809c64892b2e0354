"""When the applications of the simulated book come in: volume by month, days within it, and dates months later."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.data.simulate_applicants import Floats, Ints, Streams
from pipeline.data.simulate_spec import BookSpec, Incident

_GROWTH_PER_MONTH: Final = 0.008
_SEASON: Final = (0.95, 0.97, 1.05, 1.04, 1.03, 1.00, 0.97, 0.92, 1.02, 1.03, 1.06, 0.96)
_WEEKEND_VOLUME: Final = 0.4


def _volume(spec: BookSpec) -> Floats:
    """Relative volume of each month: slow growth and a mild season; sums to one."""
    calendar = (np.datetime64(spec.first_month, "M").astype(int) + np.arange(spec.months)) % 12
    volume = (1 + _GROWTH_PER_MONTH * np.arange(spec.months)) * np.asarray(_SEASON)[calendar]
    return np.asarray(volume / volume.sum())


def usual_months(spec: BookSpec) -> Ints:
    """Draw the month (from 1, ascending) of each of the spec's n usual applications."""
    counts = Streams(spec.seed, "usual").of("calendar").multinomial(spec.n, _volume(spec))
    return np.repeat(np.arange(1, spec.months + 1), counts)


def campaign_months(spec: BookSpec, campaign: Incident) -> Ints:
    """Return the month of each application the campaign adds: a fixed share of the month's usual volume."""
    month = np.arange(1, spec.months + 1)
    extra = np.rint(campaign.strength * spec.n * _volume(spec) * (month >= campaign.start_month))
    return np.repeat(month, extra.astype(np.int64))


def application_dates(streams: Streams, spec: BookSpec, month: Ints) -> NDArray[np.datetime64]:
    """Draw a day in each row's month; weekends are quiet: most of what falls there moves to the Friday or Monday beside it."""
    rng = streams.of("dates")
    start = np.datetime64(spec.first_month, "M") + (month - 1)
    first, last = start.astype("M8[D]"), (start + 1).astype("M8[D]") - 1
    day = first + np.floor(rng.random(len(month)) * ((last - first).astype(int) + 1)).astype(int)
    weekday = (day.astype(int) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    moves = (weekday >= 5) & (rng.random(len(month)) >= _WEEKEND_VOLUME)
    moved = day + np.where(moves, np.where(weekday == 5, -1, 1), 0)
    return np.clip(moved, first, last).astype("M8[us]")


def add_months(dates: NDArray[np.datetime64], months: Ints) -> NDArray[np.datetime64]:
    """Return the same day so many months later, or that month's last day."""
    month = dates.astype("M8[M]")
    last = (month + months + 1).astype("M8[D]") - 1
    return np.minimum((month + months).astype("M8[D]") + (dates.astype("M8[D]") - month), last).astype("M8[us]")
