"""Side by side in pictures: curves, calibration, lift, and what each run's own cut-off does to people."""

import pandas as pd
import streamlit as st

from dashboard import loading
from dashboard.charts.calibration import calibration_comparison
from dashboard.charts.comparison import Line, cells_chart, pr_comparison, roc_comparison
from dashboard.charts.lift import lift_chart
from dashboard.comparing import Side, cells_table
from dashboard.components.compare_parts import cutoffs, having, of_rows, stacked
from dashboard.components.downloads import download
from dashboard.labels import TERMS, number
from pipeline import contract
from pipeline.evaluation.calibration import reliability_table
from pipeline.evaluation.curve import confusion_at, pr_points, rates, roc_points
from pipeline.evaluation.lift import gains_table

POINTS = 300


def curves(side: Side) -> None:
    """Draw ROC and precision-recall curves with a dot at each run's own cut-off."""
    drawn, tables = having(side, lambda run_id: loading.curve(run_id, contract.TEST))
    if not drawn:
        return
    here = [rates(confusion_at(t, c).to_frame().T).iloc[0] for t, c in zip(tables, cutoffs(side, drawn), strict=True)]
    left, right = st.columns(2, gap="medium")
    title = f"ROC AUC from {_span(side, drawn, 'roc_auc')} on test"
    at = [(float(r["false_positive_rate"]), float(r["recall"])) for r in here]
    left.plotly_chart(roc_comparison(drawn, [roc_points(t, POINTS) for t in tables], at, title), key="roc_side", alt=title)
    title = f"PR AUC from {_span(side, drawn, 'pr_auc')} on test"
    at = [(float(r["recall"]), float(r["precision"])) for r in here]
    right.plotly_chart(pr_comparison(drawn, [pr_points(t, POINTS) for t in tables], at, title), key="pr_side", alt=title)
    st.caption("Letters stand on their curve; dots mark each run's own cut-off.")
    download(stacked(drawn, [roc_points(t, POINTS) for t in tables]), "roc.csv", "roc_side")


def calibration(side: Side) -> None:
    """Draw predicted against observed default rates."""
    drawn, tables = of_rows(side, lambda y, pd_: reliability_table(y, pd_, 10))
    if not drawn:
        return
    inside = [f"{x.letter} {int(((t['lo'] <= t['mean_pd']) & (t['mean_pd'] <= t['hi'])).sum())} of {len(t)}"
              for x, t in zip(drawn, tables, strict=True)]  # fmt: skip
    title = f"Groups whose PD lies inside the interval of what happened: {', '.join(inside)}"
    st.plotly_chart(calibration_comparison(drawn, tables, title), key="calibration_side", alt=title)
    st.caption("Test applicants in groups of equal size by PD. Above the dashed line more defaulted than was predicted.")
    download(stacked(drawn, tables), "calibration.csv", "calibration_side")


def lift(side: Side) -> None:
    """Draw how many times the average rate of defaulters stands among the riskiest."""
    drawn, tables = of_rows(side, lambda y, pd_: gains_table(y, pd_, 20))
    if not drawn:
        return
    tenth = [
        f"{x.letter} {number(float(t['cumulative_lift'].iloc[min(1, len(t) - 1)]), 2)}"
        for x, t in zip(drawn, tables, strict=True)
    ]
    title = f"Among the riskiest tenth defaulters are as many times the average as: {', '.join(tenth)}"
    st.plotly_chart(lift_chart(drawn, tables, title), key="lift_side", alt=title)
    download(stacked(drawn, tables), "lift.csv", "lift_side")


def matrices(side: Side) -> None:
    """Draw the confusion matrix of each run at its own cut-off, in people of 1,000 and in test applicants."""
    drawn, curves_ = having(side, lambda run_id: loading.curve(run_id, contract.TEST))
    if not drawn:
        return
    tables = [cells_table(t, c) for t, c in zip(curves_, cutoffs(side, drawn), strict=True)]
    approved = ", ".join(f"{x.letter} {100 * t['approval_rate'].iloc[0]:.0f} %" for x, t in zip(drawn, tables, strict=True))
    title = f"At their own cut-offs they approve {approved}"
    st.plotly_chart(cells_chart(drawn, tables, title), key="cells_side", alt=title)
    rows = [{"Run": f"{x.letter} {x.name}"} | {TERMS[c].text: number(n, 0) for c, n in zip(t["cell"], t["n"], strict=True)}
            | {name.capitalize(): number(t[name].iloc[0]) for name in ("recall", "precision", "f1")}
            for x, t in zip(drawn, tables, strict=True)]  # fmt: skip
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Confusion matrices in test applicants", height="content")
    download(stacked(drawn, tables), "matrices.csv", "matrices")


def _span(side: Side, drawn: list[Line], metric: str) -> str:
    by_letter = dict(zip(side.letters, side.runs[contract.metric_key(contract.TEST, metric)], strict=True))
    ordered = sorted((line.letter for line in drawn), key=lambda x: by_letter[x])
    return f"{number(by_letter[ordered[0]])} ({ordered[0]}) to {number(by_letter[ordered[-1]])} ({ordered[-1]})"
