"""What is said about the service: the sentence of its tab and light, its tables, and the state of store and model."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from dashboard.answers import Answer
from dashboard.decision_book import SOURCE_WORDS
from dashboard.labels import NOT_KNOWN, moment, number, percent, plain
from pipeline import contract
from pipeline.monitoring.rule_words import period_text
from pipeline.project_monitoring import Granularity
from pipeline.serving.service_events import OTHER, ROW

if TYPE_CHECKING:
    from pipeline.monitoring.health import Health
    from pipeline.monitoring.health_state import Finding, StoreState
    from pipeline.project import ProjectConfig
    from pipeline.registry.routing import Routing

ERROR_WORDS: Final = {
    "internal": "an error of ours",
    "not-ready": "nothing could be scored: model or ledger not ready",
    "not-recorded": "the log did not take the decision",
    "busy": "turned away: too many were waiting",
    "too-often": "a caller asked too often",
    "no-token": "no valid token",
    "wrong-host": "asked under a name that is not ours",
    "not-found": "asked for an address that does not exist",
    "method-not-allowed": "asked in a way that is not offered",
    "no-decision": "asked for a decision that does not exist",
    "malformed": "the body was not JSON",
    "invalid-request": "the request had another shape",
    "too-large": "the body was too large",
    "too-many": "too many applications in one request",
    "too-slow": "the body did not arrive in time",
    "not-json": "the body was not declared as JSON",
    "compressed": "the body was compressed",
    "key-conflict": "an idempotency key was used for another application",
    "unusable-file": "a file that could not be scored at all",
}
"""Kinds of errors that are counted, in words; an unknown kind stands for itself."""


def field_names(config: "ProjectConfig | None") -> dict[str, str]:
    """How fields are called: by their labels, and in words those that are no inputs."""
    known = {feature.name: feature.label for feature in config.features} if config else {}
    return known | {OTHER: "(a field that is not asked for)", ROW: "(a row that does not fit the header)"}


def answer(health: "Health", faults: Sequence[str], names: Mapping[str, str]) -> Answer:
    """Say how the service did in the newest period in which anybody asked, and what is wrong with the store now."""
    if health.is_silent:
        return Answer("Nobody has asked for a decision in these periods.", plain(" ".join(faults)), is_firm=False)
    row = newest(health)
    said = ", ".join([f"In {when(row, health)} {decided(row)}", *parts_of(row, health, names)])
    since = "" if row["period"] == health.periods["period"].iloc[-1] else " Nobody has asked since."
    wrong = f" {len(faults)} fault{'s' * (len(faults) != 1)} of the store." if faults else ""
    return Answer(f"{said}.{since}{wrong}", plain(" ".join(faults)), is_firm=not faults)


def newest(health: "Health") -> dict[Any, Any]:
    """The newest period in which anybody asked."""
    asked = health.periods[health.periods["asked"] > 0]
    row: dict[Any, Any] = asked.iloc[-1].to_dict()
    return row


def when(row: dict[Any, Any], health: "Health") -> str:
    """Name the period of a row."""
    return period_text(f"{row['period']:%Y-%m-%d}", health.granularity)


def decided(row: dict[Any, Any]) -> str:
    """Say how many applications were decided."""
    n = int(row["decided"])
    return f"{n:,} application{' was' if n == 1 else 's were'} decided"


def parts_of(row: dict[Any, Any], health: "Health", names: Mapping[str, str]) -> list[str]:
    """Say how fast, how many were refused and for which field most, and how many failed; what was not seen is left out."""
    said = []
    if math.isfinite(row["latency_p95_ms"]):
        said.append(f"95 of 100 answered within {number(row['latency_p95_ms'], 0)} ms (n = {row['n_timed']:,})")
    refused = int(row["refused"])
    if refused:
        fields = health.refused[health.refused["period"] == row["period"]]
        most = f", most often for {plain(_name(fields.iloc[0]['field'], names))}" if len(fields) else ""
        said.append(f"{refused:,} refused ({share(row['refused_share'])}{most})")
    failed = int(row["failed"])
    said.append(f"{failed:,} failed ({share(row['error_share'])})" if failed else "none failed")
    return said


def share(value: float) -> str:
    """Write a share in per cent; one that is not nought is never written as nought."""
    return "below 0.1 %" if 0 < value < 0.001 else percent(value)


def _name(field: str, names: Mapping[str, str]) -> str:
    return names.get(field, field)


def refused_table(health: "Health", names: Mapping[str, str]) -> pd.DataFrame:
    """Faults by field over all periods and in the newest busy one, most frequent first, each with its share of who asked."""
    asked, last = int(health.periods["asked"].sum()), newest(health)
    late = health.refused[health.refused["period"] == last["period"]].set_index("field")
    table = pd.DataFrame(health.refused.groupby("field", as_index=False)["n"].sum())
    table = table.sort_values("n", ascending=False, ignore_index=True)
    shares = table["field"].map(late["share"]).astype(float).fillna(0.0)
    return pd.DataFrame(
        {
            "Field": [_name(field, names) for field in table["field"]],
            "Faults": table["n"],
            "Of all who asked (%)": 100 * (table["n"] / asked).clip(upper=1.0),
            f"In {when(last, health)} (%)": 100 * shares,
        }
    )


def errors_table(health: "Health") -> pd.DataFrame:
    """Errors by kind and source over all periods, ours first, then the most frequent."""
    from pipeline.monitoring.health import FAULTS

    table = health.errors.groupby(["kind", "source"], as_index=False)["n"].sum()
    is_ours = table["kind"].isin(FAULTS)
    table = table.assign(ours=is_ours).sort_values(["ours", "n"], ascending=False, ignore_index=True)
    return pd.DataFrame(
        {
            "What happened": [ERROR_WORDS.get(kind, kind) for kind in table["kind"]],
            "Whose": ["ours" if ours else "the caller's" for ours in table["ours"]],
            "By": [SOURCE_WORDS[source] for source in table["source"]],
            "Times": table["n"],
        }
    )


def shadow(health: "Health", routing: "Routing | None") -> str:
    """Say how often the model that runs beside would decide otherwise, and which share a canary decides."""
    seen = health.periods[health.periods["n_shadow"] > 0]
    if seen.empty:
        return (
            "No other model ran beside the champion in these periods. A proposed version runs in shadow by "
            "`python -m pipeline release route NUMBER --mode shadow --as NAME --reason WHY`; nobody's decision changes by that."
        )
    row = seen.iloc[-1].to_dict()
    band = f"[{percent(row['disagreement_lo'])}, {percent(row['disagreement_hi'])}]"
    said = (
        f"In {when(row, health)} the other model would have decided **{percent(row['disagreement'])}** {band} otherwise "
        f"(n = {int(row['n_shadow']):,}); the challenger's PDs are {points(row['pd_difference'])} on average."
    )
    return f"{said} {_canary(row, routing)}".strip()


def _canary(row: dict[Any, Any], routing: "Routing | None") -> str:
    if routing is not None and routing.mode == contract.ROUTE_CANARY:
        lo, hi = row["canary_lo"], row["canary_hi"]
        fits = (
            "which fits"
            if lo <= routing.share <= hi
            else "which does not fit: applicants without an id always meet the champion"
        )
        share = f"{percent(row['canary_share'])} [{percent(lo)}, {percent(hi)}]"
        return f"The canary decided {share} of them; {percent(routing.share)} were meant to, {fits}."
    return f"A canary decided {percent(row['canary_share'])} of them." if row["canary_share"] > 0 else "It decides nobody."


def points(difference: float) -> str:
    """Write a difference of two shares in words."""
    if not math.isfinite(difference):
        return NOT_KNOWN
    if abs(difference) < 0.0005:
        return "the same"
    return f"{number(100 * abs(difference), 1)} points {'higher' if difference > 0 else 'lower'}"


def checks(found: "Sequence[Finding]") -> list[tuple[str, str]]:
    """Return a sign and a sentence for each thing that was looked at: what is wrong first."""
    rows = [
        (0, ":red[:material/error:]", finding.fault)
        if finding.fault
        else (1, ":gray[:material/help:]", f"Not known: {finding.unknown}")
        if finding.unknown
        else (2, ":green[:material/check_circle:]", finding.detail)
        for finding in found
    ]
    return [
        (sign, plain(f"{text[0].upper()}{text[1:]}.".replace("..", "."))) for _, sign, text in sorted(rows, key=lambda r: r[0])
    ]


def store_facts(state: "StoreState") -> str:
    """Say when the newest decision was recorded and how many are not counted yet."""
    last = (
        f"The newest decision is of {moment(state.last_decision)}." if state.last_decision else "No decision is recorded yet."
    )
    if not state.uncounted:
        return f"{last} All are counted in the profiles."
    return f"{last} {state.uncounted:,} are not counted in the profiles yet: `python -m pipeline monitor` counts them."


def volume_title(health: "Health") -> str:
    """The finding of the picture of volumes: the newest busy period beside the median of those before."""
    row = newest(health)
    before = health.periods["decided"][health.periods["period"] < row["period"]]
    said = f"{int(row['decided']):,} decided in {when(row, health)}"
    usual = int(before.median()) if len(before) > 1 else None
    return said if usual is None else f"{said}; {usual:,} in a usual {health.granularity} before"


def latency_title(health: "Health") -> str:
    """The finding of the picture of latencies."""
    seen = health.periods[health.periods["n_timed"] > 0]
    row = seen.iloc[-1]
    said = f"95 of 100 were answered within {number(float(row['latency_p95_ms']), 0)} ms in {when(row.to_dict(), health)}"
    usual = seen["latency_p95_ms"].iloc[:-1].median()
    return f"{said}; {number(float(usual), 0)} ms in a usual {health.granularity} before" if len(seen) > 2 else said


def window_of(granularity: Granularity) -> int:
    """How many periods the tab shows."""
    return {"day": 31, "week": 26, "month": 24}[granularity]
