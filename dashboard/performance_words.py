"""What the Performance page says: its answer, the findings over its pictures, and the tables behind them. Pure."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
from pandas import DataFrame, Timestamp

from dashboard.answers import Answer
from dashboard.labels import label_of, money, number, percent, with_interval
from dashboard.performance_tables import Lines, record_pairs
from pipeline import contract
from pipeline.evaluation.advice import NOTHING, RECALIBRATE, RETRAIN, Measured
from pipeline.monitoring.performance_assessed import Assessed
from pipeline.monitoring.performance_book import Book
from pipeline.monitoring.performance_metrics import ACTUAL_TO_EXPECTED, measured

_HEADS: Final = {RETRAIN: "Retrain", RECALIBRATE: "Recalibrate", NOTHING: "The model still holds"}


def timeline_title(lines: Lines) -> str:
    """Say what the time line shows."""
    name = name_of(lines.metric)
    name = name[:1].upper() + name[1:]
    if lines.realised.empty:
        what = f"{name} is estimated for {_vintages(len(lines.ahead))}; none has matured"
        return what if not lines.note else f"{name} cannot be realised on approved loans alone"
    n, out = len(record_pairs(lines)), lines.outside
    if not n:
        return f"{name} is realised for {_vintages(len(lines.realised))}; no estimate can be checked"
    if out.empty:
        return f"{name} lay within its estimate in {'all ' * (n > 1)}{_vintages(n)} that can be checked"
    return f"{name} lay outside its estimate in {len(out)} of {_vintages(n)}, last {Timestamp(out['vintage'].max()):%B %Y}"


def answer_of(found: Assessed) -> Answer:
    """Say whether the model is still right, on what has matured and on what has not."""
    advised = found.advised
    if not advised.n:
        return _nothing_matured(found)
    head = _HEADS[advised.advice.action] if advised.advice.is_judged else "Too early to judge"
    ratio = _said(measured(found.recent, ACTUAL_TO_EXPECTED), 2)
    metrics = ("roc_auc",) if found.book.is_approved_only else ("recall", "f1")
    values = ", ".join(f"{name_of(metric)} {_said(measured(found.recent, metric))}" for metric in metrics)
    who = f"{advised.n:,} loans decided {months(advised.vintages)}, the newest that matured"
    text = f"{head}: {values} and {ratio} times the expected defaults on {who}"
    if len(found.book.waiting):
        value = _said(measured(found.waiting, metrics[0]))
        text += f"; for {len(found.book.waiting):,} decided since, the PDs expect {name_of(metrics[0])} about {value}"
    return Answer(f"{text}.", f"{_ranking(found)} {measured_words(found.book)}".strip(), advised.advice.is_judged)


def _ranking(found: Assessed) -> str:
    """The ranking now and at release; for a model that is not judged, why."""
    if not found.advised.advice.is_judged:
        return found.advised.advice.headline
    now, before = measured(found.recent, "roc_auc"), measured(found.test, "roc_auc")
    return f"AUC {_said(now)} on these loans, {_said(before)} on test at release."


def _nothing_matured(found: Assessed) -> Answer:
    rows = found.book.waiting
    first = found.book.maturity.sort_values("vintage").iloc[0]
    detail = f"Outcomes are known {found.book.outcome_months} months after a decision."
    if not pd.isna(first.get("matures_on")):
        detail = f"The first vintage, {Timestamp(first['vintage']):%B %Y}, matures on {first['matures_on']:%Y-%m-%d}. {detail}"
    if rows.empty:
        return Answer("Too few outcomes are known to say how the model does.", detail, is_firm=False)
    said = [f"{name_of(m)} about {_said(measured(found.waiting, m))}" for m in ("f1", "recall", "roc_auc")]
    text = f"Nothing has matured yet: of {len(rows):,} decisions the PDs expect {said[0]}, {said[1]} and {said[2]}."
    return Answer(text, detail, is_firm=False)


def matrix_words(found: Assessed) -> str:
    """Say what the PDs expect the decisions on loans that have not matured to turn out as, in people; "" without such loans."""
    if found.book.waiting.empty:
        return ""
    caught, missed, refused, right = (_said(measured(found.waiting, cell), 0) for cell in ("tp", "fn", "fp", "tn"))
    return (
        f"Of the {len(found.book.waiting):,} not matured the PDs expect, about: {caught} defaulters declined, {missed} not "
        f"declined, {refused} good customers declined, {right} not declined. If people with the same inputs now pay back "
        "otherwise, no estimate from PDs sees it."
    )


def measured_words(book: Book) -> str:
    """Say on whom anything realised was measured, with n, where that is not everybody."""
    if len(book.measured_on) == len(contract.OUTCOMES):
        return ""
    table = book.labels[~book.labels["outcome"].isin(book.measured_on)]
    gaps = [f"{row['n_known']:,} of {row['n']:,} {_WHO[row['outcome']]}" for row in table.to_dict("records")]
    on = " and ".join(_WHO[outcome] for outcome in book.measured_on)
    said = f"Measured on {on} only (n = {len(book.matured):,} matured): outcomes came in for {' and '.join(gaps)}."
    return f"{said} Recall, precision and F1 need the declined and are not computable." if book.is_approved_only else said


_WHO: Final = {contract.APPROVE: "approved loans", contract.REVIEW: "reviewed cases", contract.DECLINE: "declined applicants"}


def months(vintages: Sequence[Timestamp]) -> str:
    """Write months in order: "in July 2025", "July to August 2025", "November 2024 to March 2025"."""
    first, last = Timestamp(vintages[0]), Timestamp(vintages[-1])
    if first == last:
        return f"in {first:%B %Y}"
    return f"{first:%B} to {last:%B %Y}" if first.year == last.year else f"{first:%B %Y} to {last:%B %Y}"


def name_of(metric: str) -> str:
    """Name a metric inside a sentence."""
    if metric == ACTUAL_TO_EXPECTED:
        return "actual / expected"
    text = {"roc_auc": "AUC", contract.COST: "cost per 1,000"}.get(metric) or label_of(metric).text
    return text if text.isupper() or text == "F1" else text.lower()


def value_text(metric: str, value: float, currency: str = "") -> str:
    """Write one value of a metric."""
    if metric == contract.COST:
        return money(value, currency)
    return number(value, 2 if metric == ACTUAL_TO_EXPECTED else 3)


def curves_finding(curves: DataFrame) -> tuple[Timestamp | None, str]:
    """Return the vintage that defaults fastest at the latest month that at least two vintages have reached, and say so."""
    if curves["vintage"].nunique() < 2:
        return None, "One vintage so far: nothing to compare it with"
    reached = curves.groupby("month")["vintage"].nunique()
    month = int(reached[reached >= 2].index.max())
    here = curves[curves["month"] == month].sort_values("default_rate")
    worst, rest = here.iloc[-1], here.iloc[:-1]
    rate = rest["defaults"].sum() / rest["n"].sum()
    vintage = Timestamp(worst["vintage"])
    if worst["lo"] <= rate:
        return None, f"After {month} months on book the vintages differ no more than chance would have it"
    return (
        vintage,
        f"{vintage:%B %Y} defaults fastest: {percent(worst['default_rate'])} after {month} months, the others {percent(rate)}",
    )


def grades_finding(table: DataFrame) -> str:
    """Say how many grades default more than their PDs allow."""
    judged = table[table["light"] != "too few"]
    red, yellow = (list(judged.loc[judged["light"] == light, "grade"]) for light in ("red", "yellow"))
    if not len(judged):
        return "Too few matured loans in every grade"
    if not red and not yellow:
        return f"No grade defaults more than its PDs allow ({len(judged)} judged)"
    parts = [f"{', '.join(names)} {light}" for names, light in ((red, "red"), (yellow, "yellow")) if names]
    return f"{len(red) + len(yellow)} of {len(judged)} grades default more than their PDs allow: {'; '.join(parts)}"


def record_sentence(record: DataFrame, metric: str) -> str:
    """Say how far past estimates of a metric can be believed."""
    rows = record[record["metric"] == metric]
    if rows.empty:
        return f"No estimate of {name_of(metric)} can be checked yet: nothing has matured, or it cannot be realised."
    row = rows.iloc[0]
    n, hit = int(row["n"]), round(row["inside"] * row["n"])
    off = value_text(metric, abs(row["mean_error"]))
    side = "high" if row["mean_error"] > 0 else "low"
    share = f"{percent(row['inside'], 0)} [{number(100 * row['inside_lo'], 0)}, {number(100 * row['inside_hi'], 0)}]"
    came = f"{hit} of {n} realised values of {name_of(metric)} lay in the 95 % interval stated from PDs alone ({share})"
    return f"{came}; estimates were {off} too {side} on average."


def money_finding(table: DataFrame, currency: str, *, cash: bool) -> str:
    """Say how realised money compares with what was promised, newest vintage first."""
    known = table.dropna(subset=["promised", "realised"])
    if known.empty:
        return "No realised money can be set against a promise yet"
    row = known.iloc[-1]
    what = "earned in cash" if cash else "lost to wrong decisions"
    said = f"{Timestamp(row['vintage']):%B %Y}: {money(row['realised'], currency)} {what} per 1,000"
    if row["lo"] <= row["promised"] <= row["hi"]:
        against = "in line with"
    elif row["realised"] > row["promised"]:
        against = "more than"
    else:
        against = "short of" if cash else "less than"
    return f"{said}, {against} the {money(row['promised'], currency)} promised"


def _said(value: Measured, decimals: int = 3) -> str:
    return with_interval(value.value, value.lo, value.hi, decimals)


def _vintages(n: int) -> str:
    return f"{n} vintage{'s' * (n != 1)}"


def money_words(found: Assessed, *, cash: bool) -> str:
    """Say what the money is, and what it is measured against."""
    policy, who = found.promise.policy, measured_words(found.book)
    if cash:
        said = (
            "Bars: what approved loans really returned net of principal, per 1,000 decisions, with the 95 % interval. "
            "Vermilion strokes: the same on the run's test rows under the policy that decided."
        )
        return f"{said} {who}".strip()
    unit = "approved loans" if found.book.is_approved_only else "decisions"
    said = (
        f"Bars: money lost to missed defaulters and refused good customers per 1,000 {unit}, at the costs of policy "
        f"{policy.number}, with the 95 % interval. Vermilion strokes: what the proposal promised on test. Diamonds: what the "
        "PDs expected of those who came. From stroke to diamond the applicants changed, from diamond to bar the PDs erred."
    )
    return f"{said} {who}".strip()
