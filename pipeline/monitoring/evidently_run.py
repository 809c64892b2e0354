"""The only place that runs Evidently: what it may see, what it says of each column, and its page.

Importing it takes seconds and hundreds of megabytes, so it happens inside functions, in a process made for it.
"""

import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pandas import DataFrame, Series

from pipeline.monitoring.evidently_sample import SCORE, TARGET

# The page runs Evidently's scripts, which are part of it, and may fetch nothing from anywhere.
POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; worker-src blob:"
)
MOST_TEXT: Final = 80
_ITS_OWN: Final = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, SyntaxWarning, RuntimeWarning, UserWarning)
"""What Evidently and its libraries warn of is about their code, or about columns that are judged by us, too."""
_MEASURES: Final = {"Precision": "precision", "Recall": "recall", "F1Score": "f1", "RocAuc": "roc_auc"}


@dataclass(frozen=True)
class Said:
    """What Evidently says of a column by its own choice of method, and its PSI; `drifted` None where it gave no number."""

    method: str
    value: float
    threshold: float
    drifted: bool | None
    psi: float


@dataclass(frozen=True, eq=False)
class Answers:
    """Of one run: by column what it said or why it was not asked, its metrics as JSON takes them, its page."""

    version: str
    columns: Mapping[str, Said]
    left_out: Mapping[str, str]
    drift: Any
    classification: Any
    """None where it was not asked for."""
    measures: Mapping[str, float]
    html: str


@contextmanager
def _quietly() -> Iterator[None]:
    """Without telemetry, and without Evidently's own warnings: pytest turns them into errors."""
    os.environ["DO_NOT_TRACK"] = "true"
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        for category in _ITS_OWN:
            warnings.simplefilter("ignore", category)
        yield


def ask(
    before: DataFrame, now: DataFrame, kinds: Mapping[str, str], known: tuple[DataFrame, DataFrame] | None, cutoff: float,
    tell: Callable[[str], None],
) -> Answers:  # fmt: skip
    """Run Evidently on two frames with the columns of `kinds`.

    known: test rows of training and decisions whose outcome is known, SCORE and TARGET each, or None; every metric on them is
    given `cutoff`, for otherwise Evidently cuts at one half. A column that it cannot take is left out and named.
    """
    with _quietly():
        tell("loading Evidently")
        from evidently import __version__

        shown = shown_names(kinds)
        frames = tuple(_shown(frame, kinds, shown) for frame in (before, now))
        tell(f"asking Evidently about {len(kinds)} columns")
        columns, left_out = _probe(frames, kinds, shown)
        kept = {name: kind for name, kind in kinds.items() if name in columns}
        tell("making Evidently's drift and data summary")
        drift = _drift(frames, kept, shown) if kept else None
        judged = None
        if known is not None:
            tell("making Evidently's classification report")
            judged = _classification(known, cutoff)
        html = _page(drift, judged, cutoff)
    back = {text: name for name, text in shown.items()}
    metrics = _metrics(judged)
    measures = {ours: metrics[theirs] for theirs, ours in _MEASURES.items() if theirs in metrics}
    return Answers(__version__, columns, left_out, _document(drift, back), _document(judged, back), measures, html)


def shown_names(kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the name under which Evidently knows each column: one that no page takes for markup, and each its own."""
    names: dict[str, str] = {}
    for feature in kinds:
        wanted = "PD" if feature == SCORE else inert(feature)
        # Evidently takes columns of these names for what they say.
        wanted = f"{wanted} (feature)" if wanted in ("target", "prediction", "PD") and feature != SCORE else wanted
        while wanted in names.values():
            wanted += " ·"
        names[feature] = wanted
    return names


def inert(text: object) -> str:
    """Return text that cannot leave its place in Evidently's page, into which values are written as they are."""
    one_line = re.sub(r"\s+", " ", str(text)).strip().replace("<", "‹").replace(">", "›").replace("&", "＆")
    return one_line if len(one_line) <= MOST_TEXT else f"{one_line[: MOST_TEXT - 1]}…"


def _shown(frame: DataFrame, kinds: Mapping[str, str], names: Mapping[str, str]) -> DataFrame:
    return DataFrame({names[name]: _values(frame[name], kind) for name, kind in kinds.items()})


def _values(column: "Series[Any]", kind: str) -> "Series[Any]":
    if kind == "number":
        return column.astype("float64")
    words = {0.0: "no", 1.0: "yes"} if kind == "boolean" else {v: inert(v) for v in column.dropna().unique()}
    return column.map(words).astype(object)


def _probe(
    frames: tuple[DataFrame, ...], kinds: Mapping[str, str], shown: Mapping[str, str]
) -> tuple[dict[str, Said], dict[str, str]]:
    """Ask for one column at a time: one that Evidently fails on would take all others with it."""
    said: dict[str, Said] = {}
    left_out: dict[str, str] = {}
    for name, kind in kinds.items():
        empty = [
            when
            for frame, when in zip(frames, ("in development", "in the window"), strict=True)
            if _is_empty(frame, shown[name])
        ]
        if empty:
            left_out[name] = f"every value is missing {' and '.join(empty)}"
            continue
        try:
            said[name] = _one(frames, kind, shown[name])
        except Exception as error:  # whatever a library of that size raises, the other columns are still to be shown
            left_out[name] = f"Evidently failed on it ({inert(str(error) or type(error).__name__)})"
    return said, left_out


def _is_empty(frame: DataFrame, name: str) -> bool:
    return not bool(frame[name].notna().any())


def _one(frames: tuple[DataFrame, ...], kind: str, name: str) -> Said:
    from evidently import Report
    from evidently.metrics import ValueDrift
    from evidently.presets import ValueStats

    asked = [ValueDrift(column=name), ValueDrift(column=name, method="psi"), ValueStats(column=name)]
    before, now = _datasets(tuple(frame[[name]] for frame in frames), {name: kind})
    found = Report(asked).run(now, before).dict()["metrics"]
    drift, psi = found[0], found[1]
    method, threshold = str(drift["config"]["method"]), float(drift["config"]["threshold"])
    value = float(drift["value"])
    # Tests of significance answer with a chance: there less means drift.
    is_drift = value < threshold if "p_value" in method else value >= threshold
    return Said(method, value, threshold, None if np.isnan(value) else bool(is_drift), float(psi["value"]))


def _datasets(frames: tuple[DataFrame, ...], kinds: Mapping[str, str]) -> list[Any]:
    from evidently import DataDefinition, Dataset

    definition = DataDefinition(
        numerical_columns=[name for name, kind in kinds.items() if kind == "number"],
        categorical_columns=[name for name, kind in kinds.items() if kind != "number"],
    )
    return [Dataset.from_pandas(frame[list(kinds)], definition) for frame in frames]


def _drift(frames: tuple[DataFrame, ...], kinds: Mapping[str, str], shown: Mapping[str, str]) -> Any:
    from evidently import Report
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    before, now = _datasets(frames, {shown[name]: kind for name, kind in kinds.items()})
    return Report([DataDriftPreset(), DataSummaryPreset()]).run(now, before)


def _classification(known: tuple[DataFrame, DataFrame], cutoff: float) -> Any:
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset

    task = BinaryClassification(target=TARGET, prediction_probas="PD", pos_label=1)
    definition = DataDefinition(numerical_columns=["PD"], categorical_columns=[TARGET], classification=[task])
    tested, now = (
        Dataset.from_pandas(DataFrame({"PD": f[SCORE].astype("float64"), TARGET: f[TARGET].astype(int)}), definition)
        for f in known
    )
    return Report([ClassificationPreset(probas_threshold=cutoff)]).run(now, tested)


def _page(drift: Any, judged: Any, cutoff: float) -> str:
    """One page of both reports, which may fetch nothing."""
    from evidently.core.metric_types import render_widgets
    from evidently.legacy.renderers.html_widgets import group_widget

    named = {"": drift, f"Classification, declined from a PD of {100 * cutoff:.2f} % on": judged}
    # Evidently has no public way to put two results on one page; this is what its own get_html_str does with one.
    widgets = [group_widget(title=title, widgets=found._widgets) for title, found in named.items() if found is not None]
    html = str(render_widgets(widgets)).strip()
    assert html.count("<head>") >= 1
    return html.replace("<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{POLICY}">', 1)


def _metrics(result: Any) -> dict[str, float]:
    if result is None:
        return {}
    named = {str(m["config"]["type"]).rpartition(":")[2]: m["value"] for m in result.dict()["metrics"]}
    return {name: float(value) for name, value in named.items() if isinstance(value, float | int | np.number)}


def _document(result: Any, back: Mapping[str, str]) -> Any:
    """Evidently's own numbers as JSON takes them; columns have the names that we know them by."""
    if result is None:
        return None
    metrics = [
        {"metric": m["metric_name"], "config": m["config"], "value": _plain(m["value"])} for m in result.dict()["metrics"]
    ]
    for metric in metrics:
        column = metric["config"].get("column")
        if column in back:
            metric["column"] = back[column]
    return metrics


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not np.isfinite(value) else value
