"""Each rule is silent on good evidence, fires on bad, and fails by its own name when its evidence is missing."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import contract as c
from pipeline.project import ProjectConfig
from pipeline.registry.gates import Champion, Evidence, GateResult, judge

RULES = (
    "complete run", "cut-off from validation", "floor roc_auc", "floor recall", "no worse than champion",
    "no segment far worse", "calibration", "no suspected leak", "complete lineage", "latency",
)  # fmt: skip


def product(**gates: Any) -> ProjectConfig:
    return ProjectConfig.model_validate(
        {
            "project": {"name": "shop", "title": "Shop", "currency": "EUR"},
            "data": {"target": "default"},
            "features": [{"name": "income", "kind": "number", "label": "Income"}],
            "segments": {"columns": ["channel"]},
            "split": {"method": "random"},
            "costs": {"fn_cost": 5, "fp_cost": 1},
            "models": {"prior": {"family": "prior"}},
            "gates": {"floors": {"roc_auc": 0.7, "recall": 0.5}, "segment_min_n": 100, "max_latency_ms": 50, **gates},
        }
    )


def rows(noise: float = 0.1, n: int = 800) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    y = np.tile([0, 0, 0, 1], n // 4)
    pd_ = np.clip(0.2 + 0.3 * y + np.random.default_rng(7).normal(0, noise, n), 0, 1)
    return pd.DataFrame({"split": rng.permutation([c.TEST] * n), c.HOLDOUT_Y: y, c.HOLDOUT_PD: pd_})


def segments(web: float = 0.78, n: int = 400) -> pd.DataFrame:
    rest = {"split": c.TEST, "column": "segment.channel", "defaults": 90, "metric": "roc_auc", "lo": 0.7, "hi": 0.9}
    return pd.DataFrame([{**rest, "group": "web", "n": n, "value": web}, {**rest, "group": "branch", "n": 400, "value": 0.82}])


def good(**changes: Any) -> Evidence:
    metrics = {
        "test_roc_auc": 0.8, "test_roc_auc_lo": 0.77, "test_recall": 0.6, "test_recall_lo": 0.55, "test_ece": 0.02,
        "test_ece_floor": 0.015, "valid_n": 900.0, c.CUTOFF: 0.4, c.LATENCY_MS: 3.0,
    }  # fmt: skip
    tags = {**dict.fromkeys(c.LINEAGE_TAGS, "known"), c.TAG_COMPLETE: "true", c.TAG_GIT_DIRTY: "false"}
    checks = {"passed": True, "rules": ["suspected_leak"], "failures": []}
    return replace(Evidence(metrics, tags, rows(), segments(), checks), **changes)


def without(evidence: Evidence, *keys: str) -> Evidence:
    metrics = {k: v for k, v in evidence.metrics.items() if k not in keys}
    return replace(evidence, metrics=metrics, tags={k: v for k, v in evidence.tags.items() if k not in keys})


def failing(result: GateResult) -> list[str]:
    return [rule.name for rule in result.rules if not rule.passed]


def metrics(**changes: float) -> Evidence:
    return good(metrics={**good().metrics, **changes})


def test_good_evidence_passes_every_rule() -> None:
    result = judge(product(), good())
    assert tuple(rule.name for rule in result.rules) == RULES
    assert result.passed, failing(result)


@pytest.mark.parametrize(
    ("evidence", "rule"),
    [
        (good(tags={**good().tags, c.TAG_COMPLETE: "no"}), "complete run"),
        (metrics(valid_n=0), "cut-off from validation"),
        (metrics(test_roc_auc_lo=0.699), "floor roc_auc"),
        (metrics(test_recall_lo=0.2), "floor recall"),
        (good(champion=Champion(1, np.where(rows()["y"] == 1, 0.9, 0.1), 0.4)), "no worse than champion"),
        (good(segments=segments(web=0.65)), "no segment far worse"),
        (metrics(test_ece=0.05), "calibration"),
        (good(checks={"passed": False, "rules": ["suspected_leak"], "failures": [
            {"severity": "blocking", "column": "settled", "rule": "suspected_leak"}]}), "no suspected leak"),
        (good(tags={**good().tags, c.TAG_SEED: ""}), "complete lineage"),
        (metrics(latency_ms=51.0), "latency"),
    ],
)  # fmt: skip
def test_each_rule_fires_on_its_own_fault_and_no_other_does(evidence: Evidence, rule: str) -> None:
    result = judge(product(), evidence)
    assert failing(result) == [rule]
    assert not result.passed


@pytest.mark.parametrize(
    ("evidence", "rules"),
    [
        (without(good(), c.TAG_COMPLETE), ["complete run"]),
        (without(good(), "valid_n"), ["cut-off from validation"]),
        (without(good(), "test_roc_auc"), ["floor roc_auc", "no segment far worse"]),
        (without(good(), "test_roc_auc_lo"), ["floor roc_auc"]),
        (without(good(), "test_recall_lo"), ["floor recall"]),
        (good(champion_missing="version 1 has no model file"), ["no worse than champion"]),
        (good(champion=Champion(1, np.full(800, 0.2), 0.4), holdout=None), ["no worse than champion"]),
        (good(champion=Champion(1, np.full(3, 0.2), 0.4)), ["no worse than champion"]),
        (good(segments=None), ["no segment far worse"]),
        (good(segments=segments().iloc[:0]), ["no segment far worse"]),
        (good(segments=segments().assign(n=20)), ["no segment far worse"]),
        (good(segments=segments().assign(value=np.nan)), ["no segment far worse"]),
        (without(good(), "test_ece"), ["calibration"]),
        (without(good(), "test_ece_floor"), ["calibration"]),
        (good(checks=None), ["no suspected leak"]),
        (good(checks={"passed": True, "rules": []}), ["no suspected leak"]),
        (without(good(), c.TAG_GIT_COMMIT, c.TAG_LOCK_SHA256), ["complete lineage"]),
        (without(good(), c.LATENCY_MS), ["latency"]),
    ],
)
def test_missing_evidence_fails_its_rule_by_name(evidence: Evidence, rules: list[str]) -> None:
    result = judge(product(), evidence)
    assert failing(result) == rules
    found = next(r.found for r in result.rules if r.name == rules[0])
    assert any(word in found for word in ("missing", "not complete", "no validation rows")), found


def test_nothing_at_all_fails_every_rule_but_the_champions() -> None:
    empty = judge(product(), Evidence({}, {}, None, None, None))
    assert failing(empty) == [name for name in RULES if name != "no worse than champion"]


def test_a_gate_without_floors_or_rules_does_not_pass() -> None:
    assert failing(judge(product(floors={}), good())) == ["floors"]
    assert not GateResult(()).passed


def test_a_floor_is_judged_on_the_lower_end_and_says_by_how_much() -> None:
    rule = next(r for r in judge(product(), metrics(test_roc_auc_lo=0.68)).rules if r.name == "floor roc_auc")
    assert rule.margin == pytest.approx(-0.02)
    assert (rule.found, rule.needed) == ("0.8000, lower bound 0.6800", "lower bound of test roc_auc >= 0.7")
    assert judge(product(), metrics(test_roc_auc_lo=0.7)).passed, "exactly on the floor is good enough"


def test_the_limit_of_a_loss_is_a_ceiling_on_the_upper_end() -> None:
    config = product(floors={"brier": 0.15})
    assert judge(config, metrics(test_brier=0.13, test_brier_lo=0.12, test_brier_hi=0.149)).passed
    bad = judge(config, metrics(test_brier=0.14, test_brier_lo=0.13, test_brier_hi=0.16))
    assert failing(bad) == ["floor brier"]


def test_the_champion_itself_is_no_worse_than_the_champion() -> None:
    same = good(champion=Champion(3, rows()[c.HOLDOUT_PD].to_numpy(), 0.4))
    rule = next(r for r in judge(product(), same).rules if r.name == "no worse than champion")
    assert rule.passed
    assert rule.found == "+0.0000 [+0.0000, +0.0000] against version 3"
    assert rule.margin == pytest.approx(0.01)


@pytest.mark.parametrize("metric", ["brier", "log_loss"])
def test_for_losses_the_champion_is_better_when_it_is_lower(metric: str) -> None:
    sharp = np.where(rows()["y"] == 1, 0.9, 0.1)
    worse = judge(product(champion_metric=metric), good(champion=Champion(1, sharp, 0.4)))
    assert failing(worse) == ["no worse than champion"]
    dull = good(champion=Champion(1, np.full(800, 0.25), 0.4))
    assert judge(product(champion_metric=metric), dull).passed


def test_a_small_loss_within_the_tolerance_is_accepted_and_a_small_loss_beyond_it_is_not() -> None:
    better = rows(noise=0.1)[c.HOLDOUT_PD].to_numpy()
    candidate = good(holdout=rows(noise=0.12), champion=Champion(1, better, 0.4))
    assert judge(product(champion_tolerance=0.1), candidate).passed
    assert failing(judge(product(champion_tolerance=0.0), candidate)) == ["no worse than champion"]


def test_a_cutoff_that_declines_nobody_can_be_compared() -> None:
    candidate = without(good(champion=Champion(1, rows()[c.HOLDOUT_PD].to_numpy(), float("inf"))), c.CUTOFF)
    assert judge(product(), candidate).passed


def test_the_worst_segment_of_enough_rows_decides_and_is_named() -> None:
    small = good(segments=segments(web=0.5, n=99))
    assert judge(product(), small).passed, "99 rows are too few to judge"
    rule = next(r for r in judge(product(), good(segments=segments(web=0.65))).rules if r.name == "no segment far worse")
    assert rule.found == "worst channel = web: 0.6500 against 0.8000 (n 400)"
    assert rule.margin == pytest.approx(-0.05)


def test_a_project_without_groups_has_no_segment_to_fail() -> None:
    alone = product().model_copy(update={"segments": product().protected})
    assert judge(alone, good(segments=None)).passed


def test_uncommitted_changes_are_noted_and_do_not_fail() -> None:
    result = judge(product(), good(tags={**good().tags, c.TAG_GIT_DIRTY: "true"}))
    assert result.passed
    assert "uncommitted" in next(r for r in result.rules if r.name == "complete lineage").note


def test_what_is_not_a_number_fails_and_is_null_in_the_json() -> None:
    result = judge(product(), metrics(test_roc_auc_lo=float("nan"), test_ece=float("nan"), latency_ms=float("nan")))
    assert failing(result) == ["floor roc_auc", "calibration", "latency"]
    content = json.loads(result.to_json())
    assert content["passed"] is False
    margins = {rule["name"]: rule["margin"] for rule in content["rules"]}
    assert margins["calibration"] is None and margins["floor recall"] == pytest.approx(0.05)
