"""Side by side in numbers: paired differences, and the parameters and data in which runs differ."""

import pandas as pd
import streamlit as st

from dashboard import loading
from dashboard.charts.comparison import difference_chart
from dashboard.comparing import Side, data_table, gains, paired_table, parameters_table
from dashboard.components.downloads import download
from dashboard.worth import project_costs


def differences(side: Side) -> None:
    """Draw by how much each run is better than one of them, on the same test rows and the same resamples."""
    if not side.is_comparable:
        st.markdown("Tested on different rows, so no difference is computed; the other tabs show each run for itself.")
        return
    ids, said = (
        list(side.runs["run_id"]),
        {r: f"{x.letter} {x.name}" for r, x in zip(side.runs["run_id"], side.lines, strict=True)},
    )
    first = ids.index(side.champion) if side.champion in ids else 0
    letter = st.segmented_control(
        "Measured against", side.letters, default=side.letters[first], required=True, key="against", bind="query-params",
        help="Every other run less this one.",
    )  # fmt: skip
    reference = ids[side.letters.index(str(letter))]
    config = loading.project_config(reference, side.project)
    with st.skeleton(height=300):
        paired = paired_table(side.runs, reference, project_costs(config) if config else None)
    if paired.empty:
        st.info("None of these runs has scored test rows, so nothing can be compared row by row.", icon=":material/info:")
        return
    shown = gains(paired, config.project.currency if config else "")
    colors = {r: x.color for r, x in zip(side.runs["run_id"], side.lines, strict=True)}
    shown = shown.assign(who=shown["run_id"].map(said), color=shown["run_id"].map(colors))
    shown["letter"] = shown["who"].str.partition(" ")[0]
    _draw(shown, said[reference])
    missing = [said[r] for r in ids if r != reference and r not in set(paired["run_id"])]
    if missing:
        st.text(f"No scored test rows, so not compared: {', '.join(missing)}")


def _draw(shown: pd.DataFrame, reference: str) -> None:
    is_clear = (shown["lo"] > 0) | (shown["hi"] < 0)
    title = f"{int(is_clear.sum())} of {len(shown)} differences from {reference} are clear; the others cross zero"
    st.plotly_chart(difference_chart(shown, title), key="differences", alt=title)
    st.caption(
        f"Each dot is a run less {reference.partition(' ')[0]}, on the same {shown['n'].iloc[0]:,} test applicants, each run "
        "at its own cut-off; bars are 95 % intervals of paired resamples. Filled: the interval leaves out zero."
    )
    table = pd.DataFrame(
        {"Run": shown["who"], "What": shown["panel"], "Better by": shown["said"], "Probability of being better": shown["prob"]}
    )
    st.dataframe(
        table, hide_index=True, alt="Paired differences with intervals and probabilities", height="content",
        column_config={"Probability of being better": st.column_config.NumberColumn(format="%.2f")},
    )  # fmt: skip
    download(shown.drop(columns=["color", "letter"]), "differences.csv", "differences")


def parameters(side: Side) -> None:
    """Draw the parameters, those that differ by default."""
    _side_by_side(parameters_table(side.runs, side.letters), "parameters")


def data(side: Side) -> None:
    """Draw data, code and rules behind the runs, those that differ by default."""
    _side_by_side(data_table(side.runs, side.letters), "facts about data and code")


def _side_by_side(table: pd.DataFrame, what: str) -> None:
    key = what.split()[0]
    n = int(table["Differs"].sum())
    everything = st.toggle(f"Show also what is equal ({len(table) - n})", key=f"all_{key}", bind="query-params")
    shown = (table if everything else table[table["Differs"]]).drop(columns="Differs")
    st.markdown(f"{n} of {len(table)} {what} differ.")
    if len(shown):
        st.dataframe(shown, hide_index=True, alt=f"{what} side by side", height="content")
        download(shown, f"{key}.csv", key)
