"""Four lights, each with the sentence behind it, and what needs somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import ranking
from dashboard.labels import money, number, plain, with_interval
from dashboard.loading import Release
from dashboard.worth import Worth
from pipeline import contract

GOOD, LOOK, BAD, UNKNOWN = "good", "look", "bad", "unknown"
_SIGNS = {
    GOOD: (":green[:material/check_circle:]", "Good"),
    LOOK: (":orange[:material/warning:]", "Look"),
    BAD: (":red[:material/error:]", "Act"),
    UNKNOWN: (":gray[:material/help:]", "Not known"),
}


@dataclass(frozen=True)
class Light:
    """One of the four: its name, its state and the sentence that gives the reason."""

    name: str
    state: str
    sentence: str


def service_light() -> Light:
    """Nothing measures the scoring service yet."""
    return Light("Service", UNKNOWN, "Not measured yet: no scoring service reports here.")


def data_light(checks: Mapping[str, Any] | None) -> Light:
    """What the data check of the run's snapshot found."""
    if checks is None:
        return Light("Data", UNKNOWN, "This run holds no data check.")
    found = [f for f in checks.get("failures", []) if isinstance(f, dict)]
    rows = number(float(checks.get("n_rows", float("nan"))), 0)
    if checks.get("passed") is not True:
        n = sum(f.get("severity") == "blocking" for f in found)
        return Light("Data", BAD, f"{n} blocking finding{'s' * (n != 1)} on {rows} rows.")
    if found:
        first = plain(found[0].get("detail", found[0].get("rule", "")))
        return Light("Data", LOOK, f"{rows} rows passed with {len(found)} warning{'s' * (len(found) != 1)}: {first}.")
    return Light("Data", GOOD, f"{rows} rows passed {len(checks.get('rules', []))} rules.")


def model_light(run: pd.Series, release: Release) -> Light:
    """Whether a model is live and how well it ranks."""
    value, lo, hi = (float(run[contract.metric_key(contract.TEST, "roc_auc", bound)]) for bound in ("", "lo", "hi"))
    ranks = f"ROC AUC {with_interval(value, lo, hi)} on test"
    if release.problem:
        return Light("Model", BAD, plain(release.problem))
    if release.run_id != run["run_id"]:
        return Light("Model", LOOK, f"Nothing is released; the best run has {ranks}.")
    return Light(
        "Model", GOOD if lo > 0.5 else BAD, f"Version {release.live.model_version if release.live else ''} is live: {ranks}."
    )


def business_light(worth: Worth | None) -> Light:
    """Whether the model surely saves money against approving everybody."""
    if worth is None:
        return Light("Business", UNKNOWN, "Cannot be priced: the run has no scored rows or no costs.")
    if worth.lo > 0:
        return Light(
            "Business",
            GOOD,
            f"Saves about {money(worth.saved, worth.currency)} per 1,000 applications against approving everybody.",
        )
    if worth.hi < 0:
        return Light(
            "Business", BAD, f"Loses about {money(-worth.saved, worth.currency)} per 1,000 against approving everybody."
        )
    return Light("Business", LOOK, "Whether it saves anything against approving everybody is not sure.")


def lights(run: pd.Series, release: Release, worth: Worth | None, checks: Mapping[str, Any] | None) -> None:
    """Draw the four lights; a word stands beside each colour."""
    shown = (service_light(), data_light(checks), model_light(run, release), business_light(worth))
    for place, light in zip(st.columns(4), shown, strict=True):
        sign, word = _SIGNS[light.state]
        with place.container(border=True, height="stretch"):
            st.markdown(f"{sign} **{light.name}** · {word}  \n:gray[{light.sentence}]")


def troubles(runs: pd.DataFrame, release: Release, gates: Mapping[str, Any] | None) -> list[str]:
    """Say what waits for a person, most pressing first; an empty list when nothing does."""
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


def what_needs_somebody(found: Sequence[str]) -> None:
    """List what waits, or say that nothing does."""
    st.markdown("#### What needs somebody", anchors=False)
    if not found:
        st.markdown(":green[:material/check:] Nothing waits for anybody.")
    for sentence in found:
        st.markdown(f":orange[:material/arrow_right:] {sentence}")
