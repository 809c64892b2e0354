"""What an Evidently report says beside what we say, in words."""

import math
from typing import TYPE_CHECKING, Final

import pandas as pd

from dashboard.labels import label_of, moment, number, percent, plain, short
from pipeline.monitoring.evidently_store import DRIFT, LEFT_OUT

if TYPE_CHECKING:
    from pipeline.monitoring.evidently_store import ColumnVerdict, Report

DRIFT_SHARE: Final = 0.5
"""Evidently's usual share of columns from which it calls a data set drifted."""


def headline(report: "Report") -> str:
    """The verdict in one sentence."""
    ours = sum(column.ours in ("moved", "shifted") for column in report.columns)
    theirs = sum(column.theirs == DRIFT for column in report.columns)
    differ = f"the two differ on {report.n_differ}" if report.n_differ else "the two agree on each"
    return f"Of {len(report.columns)} columns Evidently sees drift in {theirs} and we in {ours}; {differ}."


def whole(report: "Report") -> str:
    """What Evidently's own headline says of all columns together, which is another question than ours."""
    asked = [column for column in report.columns if column.theirs != LEFT_OUT]
    drifted = sum(column.theirs == DRIFT for column in asked)
    said = "drifted" if asked and drifted >= DRIFT_SHARE * len(asked) else "not drifted"
    return (
        f"By its own headline the data set is {said}: it calls one drifted from half of its columns on, here {drifted} of "
        f"{len(asked)}. We judge each column."
    )


def basis(report: "Report") -> str:
    """What it stands on."""
    if report.n_sampled < report.n_window:
        rows = f"a random {report.n_sampled:,} of {report.n_window:,} decisions (seed {report.seed})"
    else:
        rows = f"all {report.n_window:,} decisions"
    return (
        f"Version {report.model_version}, {report.first} to {report.last}: {rows} beside {report.n_reference:,} development "
        f"rows, outcomes as known on {report.as_of}. Evidently {report.evidently}, made {moment(report.made_at)} in "
        f"{report.seconds:.0f} s."
    )


def differences(report: "Report") -> str:
    """A list of the columns on which a sentence is due; those of one sentence stand together."""
    groups: dict[tuple[str, str, str], list[ColumnVerdict]] = {}
    for column in report.columns:
        if column.why:
            groups.setdefault((column.ours, column.theirs, column.why), []).append(column)
    return "\n".join(f"- {_one_for_all(columns)}" for columns in groups.values())


def _one_for_all(columns: "list[ColumnVerdict]") -> str:
    first, names = columns[0], ", ".join(f"**{plain(column.label)}**" for column in columns)
    if len(columns) == 1:
        ours = f"{first.ours} (PSI {number(first.psi)})" if math.isfinite(first.psi) else first.ours
        theirs = f"{first.theirs} ({plain(first.method)} {number(first.value)})" if math.isfinite(first.value) else first.theirs
    else:
        ours, theirs = first.ours, first.theirs
    return f"{names} – we say {ours}, Evidently {theirs}. {plain(first.why)}"


def judged(report: "Report") -> str:
    """What the outcomes say at our cut-off, or nothing where too few are known."""
    found = report.judged
    if found is None:
        return ""
    values = ", ".join(f"{label_of(name).text} {number(value)}" for name, value in found.theirs.items())
    apart = [name for name, value in found.theirs.items() if not _same(value, found.ours[name])]
    ours = ", ".join(f"{label_of(name).text} {number(found.ours[name])}" for name in apart)
    said = f"ours are {ours}" if apart else "ours are the same"
    return (
        f"On {found.n:,} known outcomes ({found.n_defaults:,} defaults), declined from a PD of {percent(report.cutoff)} on, "
        f"Evidently finds {values}; on the same rows {said}."
    )


def table(report: "Report") -> pd.DataFrame:
    """Return a row per column with both verdicts."""
    rows = [(c.label, c.ours, c.psi, c.theirs, c.method, c.value, c.threshold, c.their_psi) for c in report.columns]
    names = ["Feature", "We say", "Our PSI", "Evidently says", "By", "Value", "Warns at", "Evidently's PSI"]
    return pd.DataFrame(rows, columns=names)


def window(report: "Report") -> str:
    """Name a report in a list."""
    return f"{report.first} to {report.last}, version {report.model_version} ({short(report.id)})"


def _same(a: float, b: float) -> bool:
    return abs(a - b) < 1e-6 or (math.isnan(a) and math.isnan(b))
