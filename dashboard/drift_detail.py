"""What the Drift page shows of one feature: tables from the judged window, and its sentences."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pandas import DataFrame, Timestamp, concat

from dashboard import loading_risk
from dashboard.drift_book import periods, segment_words, short_period
from dashboard.labels import number, percent
from pipeline import contract
from pipeline.evaluation.drift_parts import bin_quantiles, psi_by_bin
from pipeline.monitoring.drift_periods import shares_by_period
from pipeline.monitoring.drift_sample import effect_by_bin, mix_effect
from pipeline.monitoring.drift_words import label_of, since_words, source_words, value_of

if TYPE_CHECKING:
    from pipeline.monitoring.drift import Drift
    from pipeline.project import ProjectConfig

MOST_BINS = 16


@dataclass(frozen=True, eq=False)
class Detail:
    """One feature of a window, ready to be drawn."""

    feature: str
    label: str
    unit: str
    sentence: str
    then_title: str
    periods: tuple[str, ...]
    bins: DataFrame
    """label, share_before, share, psi, count: the window against its reference."""
    quantiles: DataFrame | None
    """column, quantile, value; None for categories."""
    shares: DataFrame
    """name, column, value, n: the largest categories over time; of numbers nothing is drawn of it."""
    faults: DataFrame
    """name, column, value, n: shares missing, unseen, out of range; empty where all are 0 everywhere."""
    segments: DataFrame
    segment_title: str
    effect: DataFrame
    effect_sentence: str


def detail(drift: "Drift", project: str, feature: str) -> Detail:
    """Return what is known of one feature from its first moved period on, of the window's main version."""
    config, reference = drift.baseline.config, _reference(drift, feature)
    mine = drift.counts[(drift.counts["model_version"] == drift.version) & (drift.counts["feature"] == feature)]
    since = _since(drift, feature)
    bins = psi_by_bin(reference, mine[mine["period"] >= since])
    labels = [value_of(config, feature, str(label)) for label in bins["label"]]
    bins = bins.assign(label=labels)
    shown = bins[(bins["share"].fillna(0) > 0) | (bins["share_before"].fillna(0) > 0)]
    axis = periods(drift)
    split, title = _segments(drift, project, feature, since)
    effect, said = _effect(drift, project, feature, since, bins)
    unit = next((f.unit for f in config.features if f.name == feature), "")
    return Detail(
        feature, label_of(config, feature), unit or "", _sentence(drift, feature, bins, since), _then_title(bins),
        tuple(short_period(p, drift.asked.granularity) for p in axis), _most(shown),
        _quantiles(drift, reference, mine, axis), _shares(reference, mine, axis, config, feature),
        _faults(drift, axis, feature), split, title, effect, said,
    )  # fmt: skip


def _reference(drift: "Drift", feature: str) -> DataFrame:
    whole = drift.references[drift.version]
    return whole[whole["feature"] == feature].reset_index(drop=True)


def _since(drift: "Drift", feature: str) -> Timestamp:
    """Its own first moved period; of a calm feature the whole window."""
    own = [finding.since for finding in drift.findings if finding.feature == feature]
    return own[0] if own else periods(drift)[0]


def _sentence(drift: "Drift", feature: str, bins: DataFrame, since: Timestamp) -> str:
    config, psi, n = drift.baseline.config, float(bins["psi"].sum()), int(bins["count"].sum())
    finding = next((f for f in drift.findings if f.feature == feature), None)
    label, when = label_of(config, feature), since_words(drift, since)
    if n < (floor := config.monitoring.min_rows):
        return f"Too few decisions to judge {label}: n = {n:,}, and {floor:,} are needed."
    if finding is None:
        return f"{label} has not moved beyond chance, or came back: PSI {number(psi)} over the window, n = {n:,}."
    where = f", mostly {source_words(finding.source, config)}" if finding.source else ""
    odd = f" ({finding.note})" if finding.note else ""
    return f"{label} has {finding.verdict}{odd} since {when}{where}: PSI {number(psi)}, n = {n:,}."


def _then_title(bins: DataFrame) -> str:
    if not np.isfinite(bins["psi"].sum()):
        return "One side has no rows"
    most = bins.iloc[int(bins["psi"].to_numpy().argmax())]
    label = str(most["label"])
    shares = f"{percent(float(most['share_before']))} then, {percent(float(most['share']))} now"
    return f"{label[:1].upper()}{label[1:]}: {shares}"


def _most(bins: DataFrame) -> DataFrame:
    """So many bins as a picture holds: those that moved most, in their order."""
    if len(bins) <= MOST_BINS:
        return bins.reset_index(drop=True)
    kept = bins["psi"].sort_values(ascending=False).index[:MOST_BINS]
    return bins.loc[sorted(kept)].reset_index(drop=True)


def _quantiles(drift: "Drift", reference: DataFrame, counts: DataFrame, axis: list[Timestamp]) -> DataFrame | None:
    if reference["lower"].isna().all() or counts.empty:
        return None
    table = bin_quantiles(reference, counts, drift.baseline.ranges, ["period"])
    if table["value"].isna().all():
        return None
    return table.assign(column=table["period"].map({p: i for i, p in enumerate(axis)}))


def _shares(reference: DataFrame, counts: DataFrame, axis: list[Timestamp], config: "ProjectConfig", feature: str) -> DataFrame:
    if counts.empty:
        return DataFrame(columns=["name", "column", "value", "n"])
    table = shares_by_period(counts, reference)
    largest = table.groupby("bin")["share"].max().sort_values(ascending=False)
    order = {name: i for i, name in enumerate(largest[largest > 0].index)}
    table = table[table["bin"].isin(list(order))]
    table = table.assign(
        name=[value_of(config, feature, str(label)) for label in table["label"]],
        column=table["period"].map({p: i for i, p in enumerate(axis)}), value=table["share"], place=table["bin"].map(order),
    )  # fmt: skip
    return table.sort_values(["place", "column"])[["name", "column", "value", "n"]].reset_index(drop=True)


def _faults(drift: "Drift", axis: list[Timestamp], feature: str) -> DataFrame:
    table = drift.table[drift.table["feature"] == feature]
    column = table["period"].map({p: i for i, p in enumerate(axis)})
    words = {"missing": "missing", "unseen": "unseen", "out_of_range": "out of range"}
    parts = [
        DataFrame({"name": said, "column": column, "value": table[name], "n": table["n"]})
        for name, said in words.items()
        if (table[name] > 0).any()
    ]
    return concat(parts, ignore_index=True) if parts else DataFrame(columns=["name", "column", "value", "n"])


def _segments(drift: "Drift", project: str, feature: str, since: Timestamp) -> tuple[DataFrame, str]:
    """What each group of the telling column adds to the PSI; nothing for one group alone, or where nothing moved."""
    from pipeline.monitoring.drift import segments_of

    nothing = DataFrame(columns=["name", "psi", "share", "weight", "n"])
    if drift.asked.segment != contract.ALL_SEGMENTS:
        return nothing, ""
    profiles = loading_risk.CachedProfiles(project)
    table = segments_of(profiles, drift.asked, [feature], since, drift.version, drift.references)
    if table.empty or not table["psi"].notna().any():
        return nothing, ""
    table = table[table["column"] != feature]  # each group by the feature itself is one of its values
    if table.empty:
        return nothing, ""
    lift = table.assign(lift=table["share"] - table["weight"]).groupby("column")["lift"].max()
    finding = next((f for f in drift.findings if f.feature == feature), None)
    source = finding.source if finding else None
    best = source.column if source else str(lift.idxmax())
    mine = table[table["column"] == best].sort_values("psi", ascending=False).head(12)
    config = drift.baseline.config
    names = [segment_words(contract.segment_name(best, str(v)), config).partition(": ")[2] for v in mine["value"]]
    top = (
        f"{names[0]} adds {100 * float(mine['share'].iloc[0]):.0f} % of the shift, {percent(float(mine['weight'].iloc[0]), 0)}"
    )
    lead = f"By {label_of(config, best)}" if source else f"No group stands out; by {label_of(config, best)}"
    lead = lead if finding else f"What little moved, by {label_of(config, best)}"
    return mine.assign(name=names).reset_index(drop=True), f"{lead}: {top} of decisions"


def _effect(drift: "Drift", project: str, feature: str, since: Timestamp, bins: DataFrame) -> tuple[DataFrame, str]:
    first = max(drift.asked.first, since.date())
    n = int(bins["count"].sum())
    sample = loading_risk.decision_sample(project, drift.version, feature, first, drift.asked.last, n)
    effect = effect_by_bin(_reference(drift, feature), drift.baseline.ranges, feature, sample)
    config = drift.baseline.config
    effect = effect.assign(label=[value_of(config, feature, str(label)) for label in effect["label"]])
    found = mix_effect(bins[["bin", "share_before", "share"]], effect)
    if not math.isfinite(found.pd):
        return effect, ""
    pd, approved = (number(100 * x, 1) for x in (found.pd, found.approved))
    return effect, (
        f"Its change alone goes with {pd} points of mean PD and {approved} points of approvals (about; from a sample of "
        f"{found.n:,} decisions of everybody, whose other features move along)."
    )
