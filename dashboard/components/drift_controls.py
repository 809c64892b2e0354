"""Which window, in which periods, against what, for whom: every choice stands in the link, nonsense there is passed over."""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Any, Final

import streamlit as st

from pipeline.monitoring.drift import Asked, first_of
from pipeline.monitoring.profiles_read import Granularity
from pipeline.project import ProjectConfig

PERIODS: Final[dict[Granularity, int]] = {"month": 24, "week": 26, "day": 31}
"""How far the window reaches back unless somebody says otherwise."""
DEVELOPMENT: Final = "development"
PAST: Final = "past"
_WORDS: Final = {DEVELOPMENT: "Development", PAST: "A past window"}


def accept(key: str, options: Collection[str], *, many: bool = False) -> None:
    """Take an option's own name from a link, too: pages and people write it, while widgets write the option's words."""
    wanted = [name for name in st.query_params.get_all(key) if name in options]
    if wanted and key not in st.session_state:
        st.session_state[key] = wanted if many else wanted[0]


def pick_granularity(usual: str) -> Granularity:
    """Let the reader choose days, weeks or months; usual: the project's own."""
    words: dict[Granularity, str] = {"day": "Days", "week": "Weeks", "month": "Months"}
    accept("grain", words)
    chosen = st.segmented_control(
        "Periods", list(words), default=usual, format_func=lambda g: words[g], required=True, key="grain",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    return next(grain for grain in words if grain == chosen)


def pick_asked(
    granularity: Granularity, span: tuple[date, date], groups: Sequence[str], config: ProjectConfig,
    name_of: Callable[[str], str],
) -> Asked:  # fmt: skip
    """Let the reader choose window, reference, group and features; groups: as `drift_book.segments`, name_of names one."""
    a, b, c, d = st.columns(4)
    usual = max(span[0], first_of(span[1], granularity, PERIODS[granularity]))
    first, last = _day(a, "From", "from", span) or usual, _day(b, "To", "to", span) or span[1]
    accept("against", _WORDS)
    against = c.selectbox(
        "Compared with", [DEVELOPMENT, PAST], format_func=lambda w: _WORDS[w], key="against", bind="query-params",
        help="What the model was developed on, or any window of past decisions.",
    )  # fmt: skip
    accept("group", groups)
    group = d.selectbox(
        "Group", list(groups), format_func=name_of, key="group", bind="query-params", help="Applicants looked at alone.",
        filter_mode=None,
    )  # fmt: skip
    labels = {feature.name: feature.label for feature in config.features}
    e, f, g = st.columns([1, 1, 2])
    window = None
    if against == PAST:
        ends = _day(e, "Reference from", "ref_from", span), _day(f, "Reference to", "ref_to", span)
        window = ends[0] or span[0], ends[1] or _third(span)
    accept("features", labels, many=True)
    features = g.multiselect(
        "Features", list(labels), format_func=lambda name: labels[name], key="features", bind="query-params",
        placeholder="all", filter_mode=None,
    )  # fmt: skip
    first, last = min(first, last), max(first, last)
    past = None if window is None else (min(window), max(window))
    return Asked(first, last, granularity, past, str(group), tuple(str(name) for name in features))


def _third(span: tuple[date, date]) -> date:
    """Where a past window ends unless somebody says: after the first third of what was decided."""
    return span[0] + (span[1] - span[0]) / 3


def _day(place: Any, label: str, key: str, span: tuple[date, date]) -> date | None:
    found = place.date_input(
        label, None, key=key, bind="query-params", format="YYYY-MM-DD", min_value=span[0], max_value=span[1]
    )
    return found if isinstance(found, date) else None
