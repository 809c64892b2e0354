"""Champion and challenger side by side on one applicant, or how to start a challenger."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.applicant_answers import VERBS
from dashboard.casework import Case
from dashboard.labels import code, percent, plain
from pipeline import contract

if TYPE_CHECKING:
    from pipeline.serving.desk import Pair


def challenger(case: Case, pair: "Pair") -> None:
    """Draw what the other model said when this was decided."""
    found, shadow = case.decision, case.decision.shadow
    if pair.problem:
        st.warning(plain(pair.problem), icon=":material/warning:")
    if shadow is None:
        return _none(case, pair)
    same = shadow.outcome == found.outcome
    gap = 100 * (shadow.pd - found.pd)
    higher = "higher" if gap > 0 else "lower"
    who = "The challenger" if shadow.role == contract.ALIAS_CHALLENGER else "The champion"
    verb = "agrees" if same else f"would {VERBS[shadow.outcome].lower()}"
    st.markdown(f"**{who} {verb}:** its PD of {percent(shadow.pd)} is {abs(gap):.1f} points {higher}.")
    rows = [
        (f"Decided ({'champion' if shadow.role == contract.ALIAS_CHALLENGER else 'challenger, as canary'})",
         str(found.model_version), plain(found.policy_id), percent(found.pd), VERBS[found.outcome]),
        (f"Beside it ({plain(shadow.role)})", str(shadow.model_version), plain(shadow.policy_id), percent(shadow.pd),
         VERBS[shadow.outcome]),
    ]  # fmt: skip
    columns = ["", "Version", "Policy", "PD", "Decision"]
    st.table(pd.DataFrame(rows, columns=columns), border="horizontal", hide_index=True, alt="Champion and challenger")
    st.caption("Recorded together with the decision; each PD is judged by its own policy.")
    return None


def _none(case: Case, pair: "Pair") -> None:
    if pair.challenger is not None:
        st.markdown("No challenger ran when this was decided; score the applicant again to see both.")
        return
    st.markdown(
        "**No challenger runs.** Propose another version, then let it run beside the champion: in shadow it scores every "
        f"applicant and decides nobody. The history of {code(case.decision.project)} lists the proposals' numbers."
    )
    st.code(
        f"python -m pipeline release history {case.decision.project}\n"
        "python -m pipeline release route NUMBER --mode shadow --as NAME --reason WHY",
        language="bash",
    )
