"""What the Drift page shows beside charts: its sentence, what can be chosen, marks on the time axis, and what it writes."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from pandas import DataFrame, Timestamp

from dashboard import loading_desk, loading_risk
from dashboard.answers import Answer
from dashboard.labels import NOT_KNOWN, money, number, percent, plain
from pipeline import contract
from pipeline.evaluation.drift import VERDICTS
from pipeline.monitoring.drift_impact import METHOD, Change, Impact
from pipeline.monitoring.drift_source import split_segment
from pipeline.monitoring.drift_words import label_of, period_words, value_of, verdict
from pipeline.project import ProjectConfig
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from pipeline.monitoring.annotations import Annotation
    from pipeline.monitoring.drift import Drift
    from pipeline.monitoring.profiles import ProfileUpdate

RELEASE: Final = "release"
NOTE: Final = "note"
OTHER_GROUP: Final = (
    "Compared with all development applications, which are not known by group: a group differs from all by its nature. "
    "Choose a past window to compare it with itself."
)


@dataclass(frozen=True)
class Mark:
    """Something on the time axis: a release of the ledger or a note of a person."""

    day: date
    text: str
    kind: str


def answer(drift: "Drift") -> Answer:
    """The verdict as the page opens with it; of a group of applicants it begins with the group's name."""
    found = verdict(drift)
    who = f"{segment_words(drift.asked.segment, drift.baseline.config)}: " if drift.asked.segment else ""
    text = found.text if not who else f"{who}{found.text[:1].lower()}{found.text[1:]}"
    return Answer(plain(text), plain(found.detail), found.is_firm)


def segment_words(segment: str, config: ProjectConfig) -> str:
    """Name a group as the project does: "Channel: Partner shop or site"; all decisions are "Everybody"."""
    if segment == contract.ALL_SEGMENTS:
        return "Everybody"
    column, value = split_segment(segment)
    return f"{label_of(config, column)}: {value_of(config, column, value)}"


def segments(project: str, first: date, last: date) -> tuple[str, ...]:
    """The groups that decisions of a window are counted by, everybody first."""
    counts = loading_risk.CachedProfiles(project).counts(first, last, "month", None, (contract.REFERENCE_PD,))
    return tuple(sorted({contract.ALL_SEGMENTS, *(str(name) for name in counts["segment"].unique())}))


def marks(project: str, notes: "Sequence[Annotation]", first: date, last: date) -> tuple[Mark, ...]:
    """Releases of the ledger and notes between two days, by day."""
    from pipeline.registry import ledger

    live = [e for e in ledger.history(loading_desk.store_engine(), project) if e.event in (ledger.PROMOTION, ledger.ROLLBACK)]
    released = [Mark(e.at.date(), f"version {e.subject.get('model_version')} live", RELEASE) for e in live]
    found = [*released, *(Mark(note.day, note.text, NOTE) for note in notes)]
    return tuple(sorted((m for m in found if first <= m.day <= last), key=lambda m: (m.day, m.kind, m.text)))


def cells(drift: "Drift") -> DataFrame:
    """The heat map's cells: a row per input and period, features worst on top: feature, label, period, psi, verdict, hover."""
    config, granularity = drift.baseline.config, drift.asked.granularity
    order = {name: i for i, name in enumerate(ordered(drift))}
    table = drift.inputs[drift.inputs["feature"].isin(list(order))]
    hover = [_hover(row, config, granularity) for row in table.to_dict("records")]
    found = table.assign(
        label=table["feature"].map({name: label_of(config, name) for name in order}), hover=hover,
        row=table["feature"].map(order),
    )[["row", "feature", "label", "period", "psi", "verdict", "hover"]]  # fmt: skip
    return found.sort_values(["row", "period"]).reset_index(drop=True)


def ordered(drift: "Drift") -> list[str]:
    """Inputs from the worst to the calmest: what has moved and not come back by its PSI, then the rest by theirs."""
    runs = drift.runs.assign(is_still=drift.runs["since"].isna(), shown=drift.runs["psi"].fillna(-1.0))
    runs = runs.assign(shown=runs["shown"].where(~runs["is_still"], runs["worst"].fillna(-1.0)))
    return [str(name) for name in runs.sort_values(["is_still", "shown"], ascending=[True, False])["feature"]]


def _hover(row: Mapping[Hashable, Any], config: ProjectConfig, granularity: str) -> str:
    feature, verdict_ = str(row["feature"]), str(row["verdict"])
    psi = number(float(str(row["psi"])))
    moved = f"most in {value_of(config, feature, str(row['moved_bin']))}" if row["moved_bin"] else ""
    said = [
        f"{label_of(config, feature)}, {period_words(Timestamp(str(row['period'])), granularity)}",
        f"PSI {psi} ({verdict_}), n = {int(str(row['n'])):,}"
        if psi != NOT_KNOWN
        else f"{verdict_}, n = {int(str(row['n'])):,}",
        f"missing {percent(float(str(row['missing'])))}, out of range {percent(float(str(row['out_of_range'])))}",
        *([moved] if moved else []),
        *([str(row["note"])] if row["note"] else []),
    ]
    share = float(str(row["share"]))
    if share < 1:
        said.append(f"version {row['model_version']} decided {percent(share, 0)}; others are judged apart")
    return "\n".join(said)


def heat_title(drift: "Drift") -> str:
    """What the heat map shows, as a finding."""
    n_moved, n = len(drift.findings), drift.runs["feature"].nunique()
    if not drift.inputs["verdict"].isin(VERDICTS[:3]).any():
        return f"Too few decisions in every {drift.asked.granularity} to judge {n} features"
    if n_moved == 0:
        return f"None of {n} features has moved and stayed so"
    return f"{n_moved} of {n} features {'has' if n_moved == 1 else 'have'} moved and not come back"


def impact_table(impact: Impact, currency: str) -> DataFrame:
    """What changed in approvals, expected defaults and money: a row each, as people read it."""
    rows = [
        ("Approved", *_shares(impact.approved)),
        ("Sent to review", *_shares(impact.reviewed)),
        ("Mean PD of all", *_shares(impact.pd)),
        ("Mean PD of the approved", *_shares(impact.pd_approved)),
        (f"Expected margin per 1,000 ({currency})", *_monies(impact.margin_per_1000)),
        (f"Expected losses per 1,000 ({currency})", *_monies(impact.loss.times(1000))),
        (f"Expected margin a month ({currency})", *_monies(impact.margin_per_month)),
    ]
    return DataFrame(rows, columns=["What", "Reference", "Now", "Change", "95 % interval"])


INTERVAL_HELP: Final = f"{METHOD}. Margin: interest of the good less losses of defaulters, both as the PDs expect them."


def _shares(change: Change) -> tuple[str, str, str, str]:
    points = [number(100 * x, 1) for x in (change.change, change.lo, change.hi)]
    return percent(change.before), percent(change.now), f"{points[0]} points", f"[{points[1]}, {points[2]}]"


def _monies(change: Change) -> tuple[str, str, str, str]:
    said = [money(x) for x in (change.before, change.now, change.change, change.lo, change.hi)]
    return said[0], said[1], said[2], f"[{said[3]}, {said[4]}]"


def judged_table(drift: "Drift") -> DataFrame:
    """Every judged period as a table to take away."""
    config = drift.baseline.config
    table = drift.table.assign(
        label=[label_of(config, str(name)) for name in drift.table["feature"]],
        period=drift.table["period"].dt.strftime("%Y-%m-%d"),
    )
    first = ["period", "feature", "label", "model_version", "share", "n", "psi", "noise", "verdict"]
    return table[[*first, *(name for name in table.columns if name not in first)]].reset_index(drop=True)


def notes(project: str) -> "tuple[Annotation, ...]":
    """The notes that stand, by day."""
    from pipeline.monitoring.annotations import list_annotations

    return list_annotations(loading_desk.store_engine(), project)


def add_note(project: str, day: date, text: str, author: str) -> str:
    """Put a note on a day; return "" or, in words, why not."""
    from pipeline.monitoring.annotations import AnnotationError, annotate

    try:
        annotate(loading_desk.store_engine(), project, day, text, author)
    except AnnotationError as error:
        return str(error)
    return ""


def take_back(project: str, note_id: str, author: str, reason: str) -> str:
    """Take a note back; return "" or, in words, why not."""
    from pipeline.monitoring.annotations import AnnotationError, withdraw

    try:
        withdraw(loading_desk.store_engine(), project, note_id, author, reason)
    except AnnotationError as error:
        return str(error)
    return ""


def count_now(project: str, tell: Callable[[int], None]) -> "ProfileUpdate | str":
    """Count what is not counted; return what was done or, in words, why decisions wait."""
    from pipeline.monitoring.profiles import ProfileError, update_profiles

    try:
        return update_profiles(load_settings(), loading_desk.store_engine(), project, tell=tell)
    except ProfileError as error:
        return str(error)
    finally:
        loading_risk.forget_counts()


def periods(drift: "Drift") -> list[Timestamp]:
    """The periods of the window in which anything was decided, ascending."""
    return [Timestamp(period) for period in sorted(drift.counts["period"].unique())]


def short_period(period: Timestamp, granularity: str) -> str:
    """Write a period for an axis."""
    return f"{period:%Y-%m}" if granularity == "month" else f"{period:%m-%d}"
