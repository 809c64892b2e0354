"""The one computed sentence each page opens with: from tables to words. Pure; names of runs arrive already escaped."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from dashboard.labels import column_text, label_of, money, number, short, with_interval
from dashboard.labels import cutoff as said_cutoff
from dashboard.ranking import Field
from pipeline import contract


@dataclass(frozen=True)
class Answer:
    """The sentence, what stands behind it, and whether the evidence carries it."""

    text: str
    detail: str = ""
    is_firm: bool = True


def headline(run: pd.Series) -> str:
    """Recall and F1 on test with intervals and n."""
    n = run[contract.metric_key(contract.TEST, "n")]
    rows = f"{n:,.0f} test applicants" if math.isfinite(n) else "test"
    return f"recall {_on_test(run, 'recall')}, F1 {_on_test(run, 'f1')} on {rows}"


def ship(
    run: pd.Series,
    name: str,
    rival: str,
    difference: pd.DataFrame | None,
    by: str,
    n_candidates: int,
    currency: str,
    champion: str = "",
) -> Answer:
    """Say which candidate to ship and whether it is really better than the next best on validation, or than the live model.

    A live model is kept until something is better than it beyond chance.

    difference: as `loading_money.difference` gives it, run less rival; rival: its escaped name, "" when there is none; by: the
    metric that chose on validation; champion: the live run's escaped name, "" when nothing is live.
    """
    start = f"{'Keep' if name == champion else 'Ship'} {name}: {headline(run)}."
    rival_said = f"the live model, {rival}" if rival == champion else f"the next best, {rival}"
    chosen = f"Best of {n_candidates:,} on validation by {label_of(by).text}; reported on test, where nothing was chosen."
    if not rival:
        return Answer(start, "It is the only complete candidate here: train more to know whether it is good.", is_firm=False)
    keep = f"Keep the live model, {rival}: {name} leads on validation, but"
    if difference is None:
        if rival == champion:
            text = f"{keep} cannot be compared with it row by row: scored rows are missing."
            return Answer(text, f"{name}: {headline(run)}. {chosen}", is_firm=False)
        return Answer(start, f"{chosen} It cannot be compared with {rival_said}, row by row: scored rows are missing.", False)
    metric = "cost" if by == contract.COST else by
    row = difference.loc[[metric]].iloc[0]
    better, worse = _sides(row, label_of(by).direction)
    gap = _gap(row, by, currency)
    of_rival = _gap(_seen_from_b(row), by, currency)
    prob = number(float(row["prob_a_better"]), 2)
    sure = f"{chosen} On the same test rows: probability that {name} is better {prob}."
    if better:
        return Answer(f"{start} Better than {rival_said}: {gap}.", sure)
    if worse:
        what = f"Keep {name} for now" if name == champion else "Do not ship on this evidence"
        return Answer(f"{what}: validation prefers {name}, but on test {rival} is better: {of_rival}.", sure, is_firm=False)
    if rival == champion:
        return Answer(f"{keep} on test it is not distinguishable: {gap}.", f"{name}: {headline(run)}. {sure}", is_firm=False)
    return Answer(f"{start} {rival_said[0].upper()}{rival_said[1:]}, is not distinguishable: {of_rival}.", sure, is_firm=False)


def why_not(near: pd.DataFrame, paired: pd.DataFrame, names: Mapping[str, str], by: str, n_further: int, currency: str) -> str:
    """Say why the first of `near` leads and the others do not, in one paragraph whose numbers stand in the tables.

    near: candidates, best on validation first; paired: as `comparing.paired_table` gives it, each other less the leader;
    names: escaped, by run id; n_further: candidates lower on validation that were not compared row by row.
    """
    best, second = near.iloc[0], near.iloc[1]
    column, metric = contract.metric_key(contract.VALID, by), label_of(by)
    unit = currency if by == contract.COST else ""
    values = [number(float(run[column]), metric.decimals) + f" {unit}".rstrip() for run in (best, second)]
    said = [
        f"**{names[best['run_id']]}** leads on validation: {metric.text} {values[0]}, the next, {names[second['run_id']]}, "
        f"has {values[1]}."
    ]
    rows = paired[paired["metric"] == (by if by in set(paired["metric"]) else "f1")]
    used = by if by in set(paired["metric"]) else "f1"
    if len(rows):
        said.append(f"On the same {int(rows['n'].iloc[0]):,} test applicants, by {label_of(used).text}:")
        said += _groups(rows, names, used, currency)
    said += _faster(best, near, rows, names, used)
    unmeasured = [names[r] for r in near["run_id"].iloc[1:] if r not in set(rows["run_id"])]
    if unmeasured:
        said.append(f"Not compared row by row, for want of scored rows: {', '.join(unmeasured)}.")
    if n_further:
        said.append(f"{n_further:,} further candidate{'s' * (n_further != 1)} stand lower on validation and were not compared.")
    return " ".join(said)


def _groups(rows: pd.DataFrame, names: Mapping[str, str], by: str, currency: str) -> list[str]:
    words = ("clearly worse", "not distinguishable", "clearly better on test (which chose nothing)")
    groups: dict[str, list[str]] = {word: [] for word in words}
    for _, row in rows.iterrows():
        better, worse = _sides(row, label_of(by).direction)
        groups[words[2] if better else words[0] if worse else words[1]].append(
            f"{names[row['run_id']]} ({_gap(row, by, currency).replace(' per 1,000 applications', '')})"
        )
    said = [f"{word} {'is' if len(who) == 1 else 'are'} {', '.join(who)}" for word, who in groups.items() if who]
    return [f"{'; '.join(said)}{' (money per 1,000 applications)' if by == contract.COST else ''}."]


def _faster(best: pd.Series, near: pd.DataFrame, rows: pd.DataFrame, names: Mapping[str, str], by: str) -> list[str]:
    """Where nothing tells two candidates apart, one that answers in half the time is worth knowing."""
    tied = {str(row["run_id"]) for _, row in rows.iterrows() if not _sides(row, label_of(by).direction)[1]}
    own = float(best[contract.LATENCY_MS])
    others = near[near["run_id"].isin(tied) & (near[contract.LATENCY_MS] * 2 <= own)]
    said = [f"{names[r['run_id']]} in {number(float(r[contract.LATENCY_MS]), 1)} ms" for _, r in others.iterrows()]
    return (
        [f"Of those not worse, some answer at least twice as fast: {', '.join(said)} (leader {number(own, 1)} ms)."]
        if said
        else []
    )


def nothing_to_rank(n_others: int) -> Answer:
    """Say that nothing that is shown can be ranked, and what can."""
    return Answer(
        f"Nothing here can be ranked: of {n_others:,} runs shown, none is a complete candidate.",
        "Only runs that wrote their scored rows are ranked; the others are shown with what they have.",
        is_firm=False,
    )


def foreign_first(runs: pd.DataFrame, name: str, by: str) -> Answer:
    """Say which run of other scripts is first by one metric, and that nothing tells whether it is really better.

    runs: as `foreign.ranked` gives them; name: the first one's, escaped.
    """
    n, first = int(runs[by].notna().sum()), runs.iloc[0]
    others = f" of {n:,} runs that have it" if n > 1 else ", the only run that has it"
    return Answer(
        f"{name} is first by {column_text(by)}: {number(float(first[by]))}{others}. Nothing says whether it is really better.",
        "All runs here were made by other scripts. They name no rows and no intervals, so a lead may be chance or other rows; "
        "two lines in the script settle it (below).",
        is_firm=False,
    )


def nothing_matched(n: int) -> Answer:
    """Say that runs of other scripts logged no metric that means one of ours."""
    return Answer(
        f"{n:,} runs were made by other scripts, and none logged a metric that could be matched to one of ours."
        if n > 1
        else "One run was made by another script, and it logged no metric that could be matched to one of ours.",
        "Rename a metric to f1, recall or roc_auc with the split before it (test_f1), or add the two lines below.",
        is_firm=False,
    )


def limited(found: Answer, n_filters: int, live_elsewhere: pd.DataFrame) -> Answer:
    """Add to an answer what it leaves out: runs that filters hide, and a live model tested on other rows (or none)."""
    extra = f" Among the runs that match {n_filters} filter{'s' * (n_filters != 1)}." if n_filters else ""
    if len(live_elsewhere):
        sha = short(str(live_elsewhere["test_sha256"].iloc[0]))
        extra += f" The live model was tested on other rows ({sha}), so it is not ranked among these."
    return dataclasses.replace(found, detail=found.detail + extra)


def no_ranking(field: Field) -> Answer:
    """Say that runs tested on different rows are not ranked, and which those are."""
    groups = ", ".join(f"{n} on {short(sha)}" for sha, n in field.hashes)
    return Answer(
        f"No ranking: these runs were tested on different rows ({groups}).",
        "A difference between them could come from the rows. Choose one bake-off below, or train again on one snapshot.",
        is_firm=False,
    )


def nothing_released(run: pd.Series | None, name: str, project: str) -> Answer:
    """Say that no model is live, what the best run offers, and how to release it."""
    if run is None:
        return Answer("No model is live, and no complete run is there to release.", is_firm=False)
    at = said_cutoff(float(run["cutoff"]))
    return Answer(
        f"No model is live yet. The best complete run, {name}, offers {headline(run)}.",
        f"Its cut-off is {at}. To release it: `python -m pipeline gate {project}`, then "
        f"`python -m pipeline release propose {project} --as NAME --reason WHY`, then let somebody else approve it.",
        is_firm=False,
    )


def live(run: pd.Series, name: str, saved: tuple[float, float, float], currency: str, n_troubles: int) -> Answer:
    """Say what the live pair is worth and whether anything needs somebody. saved: per 1,000 with bounds, NaN if unknown."""
    worth = ""
    if math.isfinite(saved[0]):
        worth = f" and is worth {money(saved[0], currency)} [{money(saved[1])}, {money(saved[2])}] per 1,000 applications"
    needs = (
        "Nothing waits for anybody."
        if n_troubles == 0
        else "One thing below needs somebody."
        if n_troubles == 1
        else f"{n_troubles} things below need somebody."
    )
    return Answer(f"{name} is live{worth}: {headline(run)}.", needs, is_firm=n_troubles == 0)


def _sides(row: pd.Series, direction: int) -> tuple[bool, bool]:
    low, high = sorted((float(row["lo"]) * direction, float(row["hi"]) * direction))
    return low > 0, high < 0


def _seen_from_b(row: pd.Series) -> pd.Series:
    """A difference a - b as b - a."""
    turned = row.copy()
    turned[["difference", "lo", "hi"]] = -row[["difference", "hi", "lo"]].to_numpy()
    return turned


def _gap(row: pd.Series, by: str, currency: str) -> str:
    gap, lo, hi = (float(row[key]) for key in ("difference", "lo", "hi"))
    if by != contract.COST:
        return f"{label_of(by).text} {_signed(gap)} [{_signed(lo)}, {_signed(hi)}]"
    per_1000 = 1000 / float(row["n"])
    word = "less" if gap <= 0 else "more"
    ends = sorted((-lo * per_1000, -hi * per_1000)) if gap <= 0 else sorted((lo * per_1000, hi * per_1000))
    return f"costs {money(abs(gap) * per_1000, currency)} {word} per 1,000 applications [{money(ends[0])}, {money(ends[1])}]"


def _on_test(run: pd.Series, metric: str) -> str:
    value, lo, hi = (float(run[contract.metric_key(contract.TEST, metric, bound)]) for bound in ("", "lo", "hi"))
    return with_interval(value, lo, hi)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)
