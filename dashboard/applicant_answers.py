"""What the Applicant page says, from numbers to words. Pure; everything from outside is escaped here."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from dashboard.answers import Answer
from dashboard.casework import Case
from dashboard.labels import percent, plain
from pipeline import contract
from pipeline.project import Feature, ProjectConfig
from pipeline.serving.records import Decision, Reason, Value

if TYPE_CHECKING:
    from pipeline.registry.policies import Policy

VERBS: Final[Mapping[str, str]] = {
    contract.APPROVE: "Approve", contract.REVIEW: "Send to review", contract.DECLINE: "Decline",
}  # fmt: skip
SIGNS: Final[Mapping[str, str]] = {
    contract.APPROVE: ":green[:material/check_circle:]",
    contract.REVIEW: ":orange[:material/visibility:]",
    contract.DECLINE: ":red[:material/block:]",
}
MOST_FACTORS: Final = 8


def waiting_for_one(policy: "Policy", version: int) -> Answer:
    """Say what would decide, before anybody is asked about."""
    if policy.approve_below < policy.decline_above:
        ends = percent(policy.approve_below), percent(policy.decline_above)
        rule = f"It approves a PD below {ends[0]}, declines one from {ends[1]}, and asks a person between."
    else:
        rule = f"It approves a PD below {percent(policy.approve_below)} and declines the others; nobody is reviewed."
    return Answer(f"Version {version} decides. {rule}", "Fill in the form, or start from an example.")


def decided(case: Case, policy: "Policy") -> Answer:
    """Say the decision, the PD, and what such applicants really did."""
    found = case.decision
    text = f"{VERBS[found.outcome]}: PD {percent(found.pd)}, grade {plain(found.grade)}. {plain(case.peers.sentence)}"
    return Answer(text, said_place(found, policy), not case.peers.is_too_few)


def said_place(found: Decision, policy: "Policy") -> str:
    """Say where the PD lies against the cut-offs."""
    approve, decline = (_apart(found.pd, at) for at in (policy.approve_below, policy.decline_above))
    by = f"version {found.model_version} under policy {plain(found.policy_id)}"
    if found.outcome == contract.APPROVE:
        return f"Below {approve}, where {by} stops approving."
    if found.outcome == contract.DECLINE:
        return f"At or above {decline}, where {by} begins to decline."
    return f"Between {approve} and {decline}, where {by} asks a person."


def _apart(pd_value: float, cutoff: float) -> str:
    """Write a cut-off so that it can be told from the PD: with one decimal, or with the PD and as many as it takes."""
    for decimals in range(1, 7):
        if percent(pd_value, decimals) != percent(cutoff, decimals):
            return percent(cutoff, decimals) + (f" (the PD is {percent(pd_value, decimals)})" if decimals > 1 else "")
    return percent(cutoff)


def position_title(case: Case) -> str:
    """The finding of the strip."""
    return f"Riskier than {percent(case.share_below, 0)} of past applicants"


def reasons_in_words(reasons: Sequence[Reason], config: ProjectConfig) -> list[str]:
    """One line per principal reason: the words of the letter, the value against the reference, and what it does."""
    named = {f.name: f for f in config.features}
    return [
        f"**{plain(r.text)}**: {said_value(named.get(r.feature), r.value)}, where applicants who just pass have "
        f"{said_value(named.get(r.feature), r.reference)}. With that the PD would be {percent(r.pd_at_reference)}."
        for r in reasons
    ]


def said_value(feature: Feature | None, value: Value) -> str:
    """Write an input as its form shows it: with its unit, a choice by its words, escaped. None is not known."""
    if value is None or value != value:
        return "not known"
    if feature is None:  # a ratio
        return f"{value:,.3g}"
    if feature.kind == "boolean":
        return "yes" if value else "no"
    unit = f" {plain(feature.unit)}" if feature.unit else ""
    if feature.kind == "number":
        return f"{value:,.6g}{unit}".replace("-", "−")
    texts = [str(choice) for choice in feature.choices]
    labels = feature.choice_labels or texts
    word = labels[texts.index(str(value))] if str(value) in texts else str(value)
    return plain(word) + ("" if feature.choice_labels else unit)


def waterfall_rows(case: Case, config: ProjectConfig) -> pd.DataFrame:
    """The weightiest factors by size, the others joined into one: label, contribution, said."""
    named = {f.name: f for f in config.features}
    table = case.waterfall
    order = table["contribution"].abs().sort_values(ascending=False, kind="stable").index
    top, rest = table.loc[order[:MOST_FACTORS]], table.loc[order[MOST_FACTORS:]]
    rows = [
        {
            "label": row["label"],
            "contribution": float(row["contribution"]),
            "said": ", just passing ".join(_bare(named.get(row["feature"]), row[side]) for side in ("value", "reference")),
        }
        for row in top.to_dict("records")
    ]
    if len(rest):
        total = float(rest["contribution"].sum())
        rows.append({"label": f"{len(rest)} others", "contribution": total, "said": "together"})
    return pd.DataFrame(rows, columns=["label", "contribution", "said"])


def waterfall_title(rows: pd.DataFrame) -> str:
    """The finding of the waterfall."""
    named = rows[rows["said"] != "together"]
    up = named[named["contribution"] > 0]["label"].head(2).tolist()
    down = named[named["contribution"] < 0]["label"].head(1).tolist()
    said = [f"{' and '.join(up)} raise the PD most" if len(up) > 1 else f"{up[0]} raises the PD most" if up else ""]
    said.append(f"{down[0]} lowers it most" if down else "")
    return "; ".join(part for part in said if part) or "Nothing moves the PD from that of applicants who just pass"


def _bare(feature: Feature | None, value: Value) -> str:
    """A value for a chart, where markdown's escapes would show."""
    return said_value(feature, value).replace("\\", "")
