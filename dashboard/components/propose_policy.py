"""Propose a policy: what it does on both splits, a name and a reason, and what happens next."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dashboard import loading_desk
from dashboard.cut_answers import said_baseline, said_limits
from dashboard.labels import code, cutoff, label_of, money, number, percent, plain
from dashboard.worth import CHOSEN, Cuts, outcome_of, saved
from pipeline import contract
from pipeline.evaluation.policy import PolicyOutcome
from pipeline.registry.assumptions import STATED, Choice
from pipeline.settings import load_settings

DONE = "proposed"


def propose_policy(cuts: Cuts, approve_below: float, decline_from: float, key: str) -> None:
    """Draw the folded form for two cut-offs (equal: nobody is reviewed); writing happens only when it is sent."""
    is_plain = approve_below == decline_from
    label = f"decline from {cutoff(decline_from)}" if is_plain else "approve, review, decline"
    with st.expander(f"Propose this policy: {label}", icon=":material/gavel:"):
        st.table(both_splits(cuts, approve_below, decline_from), border="horizontal", hide_index=True)
        st.caption(_said_kept(cuts, choice_of(cuts, approve_below, decline_from)))
        with st.form(f"propose_{key}", border=False):
            name = st.text_input("Your name (typed, not verified)", key=f"author_{key}", max_chars=80)
            reason = st.text_area("Why this policy", key=f"rationale_{key}", max_chars=2000)
            is_sent = st.form_submit_button("Propose", key=f"send_{key}", type="primary", icon=":material/send:")
        if is_sent:
            _send(cuts, approve_below, decline_from, name, reason)


def choice_of(cuts: Cuts, approve_below: float, decline_from: float) -> Choice:
    """Return what is proposed; one set by hand was chosen on no rows, two that differ by the optimiser, on validation."""
    given, named = cuts.given, {mark.cutoff for mark in cuts.marks if mark.name in CHOSEN}
    is_chosen = approve_below < decline_from or decline_from in named
    return Choice(
        approve_below, decline_from, contract.VALID if is_chosen else STATED, given.costs, given.review, given.baseline,
        given.limits.stated, given.volume,
    )  # fmt: skip


def _said_kept(cuts: Cuts, choice: Choice) -> str:
    limits = cuts.given.limits.stated
    kept = f" Limits stated: {said_limits(limits)}." if limits else ""
    how = (
        "Chosen on validation" if choice.chosen_on == contract.VALID else "Not a cut-off that validation chose (it will say so)"
    )
    return f"{how}, reported on test; the policy keeps both, the costs above and the rows' hashes.{kept}"


def both_splits(cuts: Cuts, approve_below: float, decline_from: float) -> pd.DataFrame:
    """Return what the policy does in words: measure, on validation, on test."""
    test, valid = (outcome_of(cuts, approve_below, decline_from, split) for split in (contract.TEST, contract.VALID))
    per_1000 = f"{label_of(contract.COST).text} ({cuts.desk.currency})"
    said: dict[str, Callable[[PolicyOutcome], str]] = {
        label_of("approval_rate").text: lambda o: percent(o.approval_rate),
        label_of("review_rate").text: lambda o: percent(o.review_rate),
        label_of("recall").text: lambda o: percent(o.recall),
        label_of("approved_default_rate").text: lambda o: percent(o.approved_default_rate),
        per_1000: lambda o: money(1000 * o.cost / o.n),
        "Applicants": lambda o: number(o.n, 0),
    }
    rows = [{"": name, "On validation": say(valid), "On test": say(test)} for name, say in said.items()]
    return pd.DataFrame(rows)


def _send(cuts: Cuts, approve_below: float, decline_from: float, name: str, reason: str) -> None:
    """Write the policy and its proposal; every refusal is a sentence."""
    from pipeline.registry.proposals import propose_policy as write
    from pipeline.registry.tracking_store import TrackingUnavailable
    from pipeline.store.engine import StoreError, open_store

    desk, choice = cuts.desk, choice_of(cuts, approve_below, decline_from)
    try:
        engine = open_store(load_settings().database_url)
        try:
            done = write(engine, desk.project, desk.run_id, choice, actor=name, reason=reason)
        finally:
            engine.dispose()
    except (ValueError, StoreError, TrackingUnavailable) as error:
        if not type(error).__module__.startswith("pipeline."):
            raise
        st.error(f"Nothing was proposed: {plain(error)}", icon=":material/block:")
        if "gate" in str(error):
            st.code(f"python -m pipeline gate {desk.project} --run {desk.run_id}", language="bash")
        return
    loading_desk.forget(desk.project)
    test = outcome_of(cuts, approve_below, decline_from, contract.TEST)
    money_said = money(saved(cuts, test, with_interval=False).per_1000, desk.currency)
    st.success(
        f"Proposal {done.proposal} is in the ledger: version {done.version} with policy {code(done.policy)}, "
        f"{money_said} per 1,000 on test against {said_baseline(cuts.given.baseline.name)}. Nothing changes yet: another "
        f"person than {plain(done.actor)} must approve it:",
        icon=":material/check:",
    )
    st.code(f"python -m pipeline release approve {done.proposal} --as NAME --reason WHY", language="bash")
