"""The sentence at the top of each page says what the evidence carries, and no more."""

import pandas as pd
import pytest

from dashboard import answers, ranking
from pipeline import contract as c
from pipeline.registry.runs import COMPLETE, FAILED, FOREIGN, RUN_COLUMNS


def table(*rows: dict[str, object]) -> pd.DataFrame:
    base = {"state": COMPLETE, "kind": c.KIND_CANDIDATE, "bakeoff": "b1", "test_sha256": "a" * 64, "family": "x", "name": "n"}
    found = pd.DataFrame([{**base, **row} for row in rows], columns=list(RUN_COLUMNS))
    return found.fillna({"candidate": "", "chosen": "", "failed": ""})


RUN = pd.Series(
    {"run_id": "r", "cutoff": 0.2, "test_n": 7500.0}
    | {
        f"test_{m}{b}": v
        for m, v0 in (("recall", 0.7), ("f1", 0.5))
        for b, v in (("", v0), ("_lo", v0 - 0.02), ("_hi", v0 + 0.02))
    }
)


def difference(gap: float, lo: float, hi: float) -> pd.DataFrame:
    row = {"difference": gap, "lo": lo, "hi": hi, "prob_a_better": 0.6, "n": 1000}
    return pd.DataFrame([row, row], index=pd.Index(["f1", "cost"], name="metric"))


@pytest.mark.parametrize(
    ("by", "gap", "said", "is_firm"),
    [
        ("f1", (0.03, 0.01, 0.05), "Better than the next best, b: F1 +0.030 [+0.010, +0.050]", True),
        ("f1", (0.003, -0.01, 0.016), "b, is not distinguishable: F1 −0.003 [−0.016, +0.010]", False),
        ("f1", (-0.03, -0.05, -0.01), "Do not ship on this evidence", False),
        (
            c.COST,
            (-4120.0, -5000.0, -3000.0),
            "Better than the next best, b: costs 4,120 EUR less per 1,000 applications [3,000, 5,000]",
            True,
        ),
        (
            c.COST,
            (4120.0, 3000.0, 5000.0),
            "on test b is better: costs 4,120 EUR less per 1,000 applications [3,000, 5,000]",
            False,
        ),
        (
            c.COST,
            (-40.0, -500.0, 420.0),
            "b, is not distinguishable: costs 40 EUR more per 1,000 applications [−420, 500]",
            False,
        ),
    ],
)
def test_a_difference_is_told_with_its_interval_in_the_right_direction(
    by: str, gap: tuple[float, float, float], said: str, is_firm: bool
) -> None:
    answer = answers.ship(RUN, "a", "b", difference(*gap), by, 3, "EUR")
    assert said in answer.text
    assert answer.is_firm == is_firm


def test_the_live_model_is_kept_until_another_is_better_beyond_chance() -> None:
    kept = answers.ship(RUN, "a", "b", difference(0.003, -0.01, 0.016), "f1", 3, "EUR", champion="a")
    assert kept.text.startswith("Keep a:") and "The next best, b, is not distinguishable" in kept.text
    beaten = answers.ship(RUN, "a", "b", difference(0.03, 0.01, 0.05), "f1", 3, "EUR", champion="b")
    assert beaten.text.startswith("Ship a:") and "Better than the live model, b:" in beaten.text
    tied = answers.ship(RUN, "a", "b", difference(0.003, -0.01, 0.016), "f1", 3, "EUR", champion="b")
    assert tied.text == (
        "Keep the live model, b: a leads on validation, but on test it is not distinguishable: F1 +0.003 [−0.010, +0.016]."
    )
    assert tied.detail.startswith("a: recall 0.700 [0.680, 0.720]") and not tied.is_firm
    unknown = answers.ship(RUN, "a", "b", None, "f1", 3, "EUR", champion="b")
    assert unknown.text.startswith("Keep the live model, b: a leads on validation, but cannot be compared with it row by row")
    worse = answers.ship(RUN, "a", "b", difference(-0.03, -0.05, -0.01), "f1", 3, "EUR", champion="a")
    assert worse.text.startswith("Keep a for now: validation prefers a, but on test b is better")
    runs = table({"run_id": "a"}, {"run_id": "b"}, {"run_id": "c"})
    assert [str(r["run_id"]) for r in (ranking.rival(runs, "c"), ranking.rival(runs, "a")) if r is not None] == ["c", "b"]


def test_a_lone_candidate_is_offered_but_not_called_best() -> None:
    answer = answers.ship(RUN, "a", "", None, "f1", 1, "EUR")
    assert answer.text == "Ship a: recall 0.700 [0.680, 0.720], F1 0.500 [0.480, 0.520] on 7,500 test applicants."
    assert not answer.is_firm


def test_different_test_rows_are_not_ranked_and_both_are_named() -> None:
    found = ranking.ranked(
        table({"run_id": "a", "valid_f1": 0.5}, {"run_id": "b", "valid_f1": 0.6, "test_sha256": "f" * 64}), "f1"
    )
    assert not found.is_comparable
    said = answers.no_ranking(found).text
    assert "aaaaaaaa" in said and "ffffffff" in said


def test_the_order_is_by_validation_with_the_champion_on_top() -> None:
    runs = table({"run_id": "a", "valid_brier": 0.2, "test_brier": 0.1}, {"run_id": "b", "valid_brier": 0.1, "test_brier": 0.3})
    assert ranking.ranked(runs, "brier").candidates["run_id"].tolist() == ["b", "a"], "less is better, and test has no say"
    pinned = ranking.ranked(runs, "brier", first="a")
    assert pinned.candidates["run_id"].tolist() == ["a", "b"]
    best = ranking.leader(pinned, "brier")
    assert best is not None and best["run_id"] == "b"


def test_runs_that_are_not_ranked_are_counted_by_reason() -> None:
    runs = table(
        {"run_id": "a"}, {"run_id": "b", "state": FAILED}, {"run_id": "d", "state": FOREIGN}, {"run_id": "e", "state": FOREIGN}
    )
    assert ranking.left_out(runs) == "Not ranked: 1 failed, 2 made by other scripts."


def test_equal_names_are_told_apart_by_id() -> None:
    names = ranking.names_of(table({"run_id": "aaaaaaaaaa", "name": "m"}, {"run_id": "bbbbbbbbbb", "name": "m"}))
    assert list(names.values()) == ["m (aaaaaaaa)", "m (bbbbbbbb)"]


def test_training_again_leaves_the_names_of_what_is_looked_at_as_they_were() -> None:
    runs = table(
        {"run_id": "new1", "name": "m", "bakeoff": "b2"}, {"run_id": "new2", "name": "other", "bakeoff": "b2"},
        {"run_id": "old1", "name": "m"}, {"run_id": "lost", "name": "m", "bakeoff": "b2", "state": FAILED},
    )  # fmt: skip
    names = ranking.names_of(runs, {"new1", "new2"})
    assert list(names.values()) == ["m", "other", "m (old1)", "m (lost)"]
    assert ranking.names_of(runs.iloc[:3])["new1"] == "m", "the newest bake-off is what is looked at where nothing is said"
    assert ranking.names_of(runs, {"old1"}) == {"new1": "m (new1)", "new2": "other", "old1": "m", "lost": "m (lost)"}


def test_the_paragraph_sorts_the_others_by_what_the_intervals_carry_and_copies_its_numbers() -> None:
    rows = [("b", 0.03, 0.01, 0.05), ("c", -0.01, -0.03, 0.01), ("d", -0.2, -0.3, -0.1)]
    paired = pd.DataFrame(
        [{"run_id": r, "metric": "f1", "difference": d, "lo": lo, "hi": hi, "prob": 0.5, "n": 1200} for r, d, lo, hi in rows]
    )
    near = table(*({"run_id": r, "valid_f1": v} for r, v in (("a", 0.5), ("b", 0.48), ("c", 0.47), ("d", 0.2), ("e", 0.1))))
    near["latency_ms"] = [9.0, 8.0, 2.0, 1.0, 1.0]
    said = answers.why_not(near, paired, dict(zip("abcde", "ABCDE", strict=True)), "f1", 3, "EUR")
    assert "**A** leads on validation: F1 0.500, the next, B, has 0.480." in said
    assert "clearly worse is D (F1 −0.200 [−0.300, −0.100])" in said
    assert "not distinguishable is C (F1 −0.010 [−0.030, +0.010])" in said
    assert "clearly better on test (which chose nothing) is B (F1 +0.030 [+0.010, +0.050])" in said
    assert "at least twice as fast: C in 2.0 ms (leader 9.0 ms)" in said, "what is clearly worse is not praised for its speed"
    assert "for want of scored rows: E." in said and "3 further candidates" in said


def test_an_answer_says_what_filters_and_other_rows_leave_out() -> None:
    found = answers.limited(answers.Answer("t", "d."), 2, pd.DataFrame({"test_sha256": ["f" * 64]}))
    assert found.detail == (
        "d. Among the runs that match 2 filters. The live model was tested on other rows (ffffffff), so it is not ranked among "
        "these."
    )
    assert answers.limited(answers.Answer("t", "d."), 0, pd.DataFrame()).detail == "d."
    assert not answers.nothing_to_rank(3).is_firm
