"""Form, file and single applicant give the bits of the training pipeline; who decides follows from the routing alone."""

import hashlib
import json
import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from pipeline import contract
from pipeline.data.clean import clean_table
from pipeline.data.read import read_table
from pipeline.data.simulate import BookSpec, simulate_book
from pipeline.project import Underwriting
from pipeline.serving.records import Application, Value
from pipeline.serving.scorer import canary_position, decide, grades, inputs_frame, judge, new_id, outcomes

if TYPE_CHECKING:
    from pipeline.serving.desk import Pair
    from pipeline.serving.live import LiveModel

N = 10_000


@pytest.fixture(scope="module")
def live(live_pair: "Pair") -> "LiveModel":
    return live_pair.champion


@pytest.fixture(scope="module")
def book(live: "LiveModel") -> pd.DataFrame:
    """Rows that the model has never seen."""
    return simulate_book(BookSpec(n=N, seed=7))[list(live.config.feature_names)].head(N)


@pytest.fixture(scope="module")
def trained_pds(live: "LiveModel", book: pd.DataFrame) -> "np.ndarray[Any, Any]":
    """What the training pipeline gives, shape (N,)."""
    found: np.ndarray[Any, Any] = live.model.predict_proba(clean_table(book, live.config, live.config.feature_names))[:, 1]
    return found


@pytest.fixture(scope="module")
def applications(live: "LiveModel", book: pd.DataFrame) -> list[Application]:
    """The rows as JSON would bring them, one by one."""
    found = []
    for number, row in enumerate(json.loads(book.to_json(orient="records", double_precision=15))):
        inputs, faults = live.rules.check(row)
        assert faults == []
        found.append(Application(inputs, applicant_id=f"applicant {number}"))
    return found


def canary(pair: "Pair", share: float) -> "Pair":
    assert pair.routing is not None
    return replace(pair, routing=replace(pair.routing, mode=contract.ROUTE_CANARY, share=share))


def alone(pair: "Pair") -> "Pair":
    return replace(pair, challenger=None, routing=None)


def test_ten_thousand_applications_as_json_get_the_bits_of_training(
    live_pair: "Pair", applications: list[Application], trained_pds: "np.ndarray[Any, Any]"
) -> None:
    decisions = decide(alone(live_pair), applications, contract.SOURCE_HTTP, with_reasons=False)
    assert len(decisions) == N
    assert np.array_equal([decision.pd for decision in decisions], trained_pds)


def test_a_file_of_ten_thousand_gets_the_bits_of_training(
    live: "LiveModel", book: pd.DataFrame, trained_pds: "np.ndarray[Any, Any]", tmp_path: Path
) -> None:
    book.to_csv(tmp_path / "book.csv", index=False)
    for frame in (book, read_table(tmp_path / "book.csv").frame):
        checked = live.rules.check_frame(frame)
        assert (len(checked.faults), checked.notes) == (0, ())
        assert np.array_equal(live.model.predict_proba(checked.frame)[:, 1], trained_pds)


def test_one_applicant_alone_gets_the_bits_of_the_batch(
    live_pair: "Pair", applications: list[Application], trained_pds: "np.ndarray[Any, Any]"
) -> None:
    for number in range(0, N, 500):
        (decision,) = decide(alone(live_pair), [applications[number]], contract.SOURCE_FORM, with_reasons=False)
        assert decision.pd == trained_pds[number]


def test_all_paths_build_the_same_frame(live: "LiveModel", book: pd.DataFrame, applications: list[Application]) -> None:
    single = inputs_frame(live.config, [application.inputs for application in applications])
    pd.testing.assert_frame_equal(single, live.rules.check_frame(book).frame, check_exact=True)
    pd.testing.assert_frame_equal(single, clean_table(book, live.config, live.config.feature_names), check_exact=True)


def test_a_decision_says_what_decided_and_keeps_the_inputs(live_pair: "Pair", applications: list[Application]) -> None:
    before = datetime.now(UTC)
    (decision,) = decide(alone(live_pair), [replace(applications[0], idempotency_key="k")], contract.SOURCE_FORM)
    live = live_pair.champion
    assert (decision.model_version, decision.model_sha256, decision.run_id) == (1, live.model_sha256, live.run_id)
    assert (decision.project, decision.policy_id, decision.source) == ("small", live.policy.id, "form")
    assert (decision.applicant_id, decision.idempotency_key) == ("applicant 0", "k")
    assert decision.inputs == applications[0].inputs
    assert before <= decision.decided_at <= datetime.now(UTC)
    assert decision.latency_ms is not None
    assert decision.shadow is None


def test_the_outcome_follows_the_policy_and_the_grade_its_edges(live_pair: "Pair", applications: list[Application]) -> None:
    policy, edges = live_pair.champion.policy, live_pair.champion.config.underwriting.grade_edges
    decisions = decide(alone(live_pair), applications, contract.SOURCE_BATCH, with_reasons=False)
    assert {decision.outcome for decision in decisions} == set(contract.OUTCOMES)
    for decision in decisions:
        expected = (
            "approve" if decision.pd < policy.approve_below else "review" if decision.pd < policy.decline_above else "decline"
        )
        assert decision.outcome == expected
        assert decision.grade == "ABCDEFG"[sum(decision.pd >= edge for edge in edges)]


def test_a_pd_on_an_edge_has_the_worse_grade_and_outcome(live: "LiveModel") -> None:
    rules = Underwriting(grades=("A", "B", "C"), grade_edges=(0.1, 0.2))
    config = live.config.model_copy(update={"underwriting": rules})
    below = math.nextafter(0.1, 0.0)
    pds = np.array([0.0, below, 0.1, math.nextafter(0.2, 0.0), 0.2, 1.0])
    assert grades(config, pds).tolist() == ["A", "A", "B", "B", "C", "C"]
    cut = replace(live, policy=replace(live.policy, approve_below=0.1, decline_above=0.2))
    assert outcomes(cut, pds).tolist() == ["approve", "approve", "review", "review", "decline", "decline"]
    equal = replace(live, policy=replace(live.policy, approve_below=0.1, decline_above=0.1))
    assert outcomes(equal, pds).tolist() == ["approve", "approve", "decline", "decline", "decline", "decline"]
    nobody = replace(live, policy=replace(live.policy, approve_below=1.0, decline_above=1.0))
    assert outcomes(nobody, np.array([0.999, 1.0])).tolist() == ["approve", "decline"]


def test_a_shadow_is_kept_and_decides_nothing(live_pair: "Pair", applications: list[Application]) -> None:
    some = applications[:500]
    decisions = decide(live_pair, some, contract.SOURCE_HTTP, with_reasons=False)
    unshadowed = decide(alone(live_pair), some, contract.SOURCE_HTTP, with_reasons=False)
    assert live_pair.challenger is not None
    frame = inputs_frame(live_pair.champion.config, [application.inputs for application in some])
    theirs = live_pair.challenger.model.predict_proba(frame)[:, 1]
    for decision, bare, their in zip(decisions, unshadowed, theirs, strict=True):
        assert (decision.pd, decision.outcome, decision.model_version) == (bare.pd, bare.outcome, 1)
        assert decision.shadow is not None
        assert (decision.shadow.role, decision.shadow.model_version) == ("challenger", 2)
        assert decision.shadow.pd == their
        assert decision.shadow.policy_id == live_pair.challenger.policy.id
    assert any(d.shadow and d.shadow.outcome != d.outcome for d in decisions), "the two must differ somewhere to prove it"


def test_a_canary_decides_its_share_and_the_champion_stands_in_the_shadow(
    live_pair: "Pair", applications: list[Application], trained_pds: "np.ndarray[Any, Any]"
) -> None:
    share = 0.2
    decisions = decide(canary(live_pair, share), applications, contract.SOURCE_HTTP, with_reasons=False)
    by_challenger = np.array([decision.model_version == 2 for decision in decisions])
    low, high = binom.interval(1 - 1e-6, N, share)
    assert low <= by_challenger.sum() <= high
    assert live_pair.challenger is not None
    for decision, pd_of_champion in zip(decisions, trained_pds, strict=True):
        assert decision.shadow is not None
        if decision.model_version == 2:
            assert (decision.shadow.role, decision.shadow.model_version, decision.shadow.pd) == ("champion", 1, pd_of_champion)
            assert decision.policy_id == live_pair.challenger.policy.id
            assert decision.run_id == live_pair.challenger.run_id
        else:
            assert (decision.pd, decision.shadow.role) == (pd_of_champion, "challenger")


def test_an_applicant_always_meets_the_same_model_and_a_growing_canary_keeps_its_own(
    live_pair: "Pair", applications: list[Application]
) -> None:
    some = applications[:1000]
    frame = inputs_frame(live_pair.champion.config, [application.inputs for application in some])
    ids = [application.applicant_id for application in some]
    few, again = (judge(canary(live_pair, 0.1), frame, ids).by_challenger for _ in range(2))
    backwards = judge(canary(live_pair, 0.1), frame, ids[::-1]).by_challenger[::-1]
    many = judge(canary(live_pair, 0.4), frame, ids).by_challenger
    assert few.any()
    assert np.array_equal(few, again)
    assert np.array_equal(few, backwards), "the place in the batch makes no difference"
    assert (many[few]).all()
    assert not judge(canary(live_pair, 0.5), frame, [None] * len(frame)).by_challenger.any(), "without an id, no canary"


def test_positions_are_even_and_differ_between_projects() -> None:
    ours, theirs = (np.array([canary_position(name, f"{i}") for i in range(5000)]) for name in ("small", "taiwan"))
    assert ours.min() >= 0
    assert ours.max() < 1
    counts = np.histogram(ours, bins=10, range=(0, 1))[0]
    assert counts.min() >= binom.ppf(1e-6, 5000, 0.1)
    assert abs(np.corrcoef(ours, theirs)[0, 1]) < 0.06
    digest = hashlib.sha256(b"small\x0042").digest()
    assert canary_position("small", "42") == int.from_bytes(digest[:8], "big") / 2**64


def test_reasons_go_with_every_decline_and_review_and_come_from_the_model_that_decides(
    live_pair: "Pair", applications: list[Application]
) -> None:
    decisions = decide(canary(live_pair, 0.5), applications[:150], contract.SOURCE_HTTP)
    for decision in decisions:
        assert bool(decision.reasons) is (decision.outcome != contract.APPROVE)
    refused = [(i, d) for i, d in enumerate(decisions) if d.reasons]
    assert {decision.model_version for _, decision in refused} == {1, 2}
    for number, decision in refused:
        live = live_pair.champion if decision.model_version == 1 else live_pair.challenger
        assert live is not None
        frame = inputs_frame(live_pair.champion.config, [applications[number].inputs])
        assert live.reasoner.principal(frame, np.array([decision.pd])) == [decision.reasons]


def test_warnings_go_with_one_applicant_and_with_many(live_pair: "Pair", applications: list[Application]) -> None:
    odd: Mapping[str, Value] = {**applications[0].inputs, "income": 999_999.0}
    (one,) = decide(alone(live_pair), [Application(odd)], contract.SOURCE_FORM, with_reasons=False)
    many = decide(alone(live_pair), [*applications[:200], Application(odd)], contract.SOURCE_BATCH, with_reasons=False)
    assert one.warnings == many[-1].warnings
    assert any("above" in text and "the highest in the data the model learnt from" in text for text in one.warnings)


def test_nobody_to_decide_is_nothing_decided(live_pair: "Pair") -> None:
    assert decide(live_pair, [], contract.SOURCE_HTTP) == []


def test_inputs_of_another_project_are_not_scored(live_pair: "Pair") -> None:
    with pytest.raises(KeyError, match="amount"):
        decide(live_pair, [Application({"shoe_size": 43.0})], contract.SOURCE_HTTP)


def test_latency_counts_from_when_the_request_came_in(live_pair: "Pair", applications: list[Application]) -> None:
    (decision,) = decide(alone(live_pair), applications[:1], "form", with_reasons=False, started=time.perf_counter() - 5)
    assert decision.latency_ms is not None
    assert decision.latency_ms >= 5000


def test_ids_are_unique_and_sort_by_time() -> None:
    start = datetime(2026, 11, 21, tzinfo=UTC)
    ids = [new_id(start + timedelta(milliseconds=i)) for i in range(5000)]
    assert ids == sorted(ids)
    same = [new_id(start) for _ in range(5000)]
    assert len({*ids, *same}) == 10_000
    parsed = uuid.UUID(ids[0])
    assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, ids[0])


def test_scoring_changes_nothing_it_was_given(live_pair: "Pair", applications: list[Application]) -> None:
    inputs = dict(applications[3].inputs)
    decide(live_pair, [Application(inputs)], contract.SOURCE_FORM, with_reasons=False)
    assert inputs == applications[3].inputs
