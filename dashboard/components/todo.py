"""What needs somebody: alerts that wait, proposals nobody decided, what failed, and the vintage that matures next."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import streamlit as st

from dashboard import ranking
from dashboard.alert_words import OPEN, SIGNS, Labels, headline, in_order
from dashboard.components.alert_rows import PARAM
from dashboard.labels import plain
from dashboard.loading_desk import Release
from dashboard.overview_book import Maturing, Watch
from dashboard.round_words import looked

if TYPE_CHECKING:
    from pipeline.monitoring.alerts import Alert

SHOWN: Final = 4
_EYE, _LATE = ":green[:material/visibility:]", ":orange[:material/visibility_off:]"


def troubles(runs: pd.DataFrame, release: Release, gates: Mapping[str, Any] | None) -> list[str]:
    """Say what of runs and releases waits for a person, most pressing first; an empty list when nothing does."""
    found = [plain(release.problem)] if release.problem else []
    for p in release.waiting:
        what = f"Proposal {p.seq} (version {p.subject.get('model_version')})"
        found.append(f"{what} waits for another person than {plain(p.actor)} to decide. Why: {plain(p.reason)}")
    if gates is not None and gates.get("passed") is not True:
        failed = [
            plain(r.get("name", "?")) for r in gates.get("rules", []) if isinstance(r, dict) and r.get("passed") is not True
        ]
        found.append(f"This run did not pass its gate: {', '.join(failed) or 'see gates.json'}.")
    newest = ranking.bakeoffs(runs)[:1]
    failed_runs = ranking.failures(runs, newest)
    found += [
        f"{plain(name)} failed in the last bake-off: {plain(why)}"
        for name, why in zip(failed_runs["candidate"], failed_runs["failed"], strict=True)
    ]
    return found


def waiting_alerts(watch: Watch) -> "list[Alert]":
    """Alerts that nobody looks after yet, gravest first."""
    return [alert for alert in in_order(watch.alerts) if alert.state == OPEN]


def what_needs_somebody(found: Sequence[str], watch: Watch, labels: Labels) -> None:
    """List what waits, or say that nothing does; then what will come of itself."""
    st.markdown("#### What needs somebody", anchors=False)
    waiting = waiting_alerts(watch)
    seen = looked(watch.last, watch.as_of, datetime.now(UTC))
    if not found and not waiting and not watch.is_unwatched:
        st.markdown(":green[:material/check:] Nothing waits for anybody.")
    for alert in waiting[:SHOWN]:
        _alert(alert, labels)
    if len(waiting) > SHOWN:
        label = f"All {len(waiting)} alerts that wait"
        st.page_link("views/alerts.py", label=label, icon=":material/notifications:")
    for sentence in found:
        st.markdown(f":orange[:material/arrow_right:] {sentence}")
    if watch.maturing is not None and watch.as_of is not None:
        st.markdown(f":blue[:material/event:] {_matures(watch.maturing, (watch.maturing.on - watch.as_of).days)}")
    if watch.as_of is not None:
        st.markdown(f"{_EYE if seen.is_current else _LATE} {seen.text}")


def _alert(alert: "Alert", labels: Labels) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"{SIGNS.get(alert.firing.severity, '')} {headline(alert, labels)}", width="stretch")
        st.page_link(
            "views/alerts.py", label="Act", icon=":material/assignment_ind:", query_params={PARAM: alert.id}, width="content"
        )


def _matures(maturing: Maturing, days: int) -> str:
    when = "tomorrow" if days == 1 else f"in {days} days"
    return (
        f"The {maturing.n:,} decisions of {maturing.vintage:%Y-%m} mature {when}, on {maturing.on}: "
        "then what was promised of them is measured."
    )
