"""Reasons are specific, proved by re-scoring, never protected, and the same whenever they are asked for."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from pipeline import contract
from pipeline.project import load_project, read_project_text
from pipeline.serving import reasons as module
from pipeline.serving.contributions import logit
from pipeline.serving.reasons import Reasoner
from pipeline.serving.records import Reason
from pipeline.serving.reference_group import GROUP_ROWS, nearest_passing
from tests.serving.explained_models import METHODS, Explained, applicants, by_hand, fitted, hand_rows, one_step

if TYPE_CHECKING:
    from pipeline.serving.desk import Pair
    from tests.serving.conftest import LiveHome

PAIRS = [(family, method) for family in ("logistic", "lightgbm") for method in METHODS] + [
    ("forest", "sigmoid"),
    ("forest", "isotonic"),
]
CUTOFF = 0.15


def reasoner_of(made: Explained, cutoff: float = CUTOFF, background: pd.DataFrame | None = None) -> Reasoner:
    return Reasoner(made.model, made.config, made.background if background is None else background, cutoff)


def by_hand_reasoner(made: Explained, *rows: tuple[float, float, str | None], cutoff: float = 0.5) -> Reasoner:
    frame = hand_rows(*rows)
    pds = made.model.predict_proba(frame)[:, 1]
    return reasoner_of(made, cutoff, frame.assign(**{contract.BACKGROUND_PD: pds}))


def principal(reasoner: Reasoner, made: Explained, frame: pd.DataFrame) -> list[tuple[Reason, ...]]:
    return reasoner.principal(frame, made.model.predict_proba(frame)[:, 1])


# --- promises that hold for every model -------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "method"), PAIRS)
def test_every_decline_has_one_to_four_reasons_and_rescoring_proves_each(family: str, method: str) -> None:
    made = fitted(family, method)
    reasoner, pds = reasoner_of(made), made.pds
    declined = np.flatnonzero(pds >= CUTOFF)
    found = reasoner.principal(made.frame.iloc[declined], pds[declined])
    assert len(declined) > 100
    assert all(1 <= len(reasons) <= contract.MAX_REASONS for reasons in found)
    for row, reasons in list(zip(declined, found, strict=True))[:8]:
        for reason in reasons:
            assert reason.pd_at_reference < pds[row]
            assert reason.contribution > 0
            assert reason.pd_at_reference == rescored(reasoner, made.frame.iloc[[row]], [reason]) or is_joint(reasons)
        if is_joint(reasons):
            assert rescored(reasoner, made.frame.iloc[[row]], reasons) < pds[row]


@pytest.mark.parametrize(("family", "method"), PAIRS)
def test_the_weightiest_reason_comes_first_and_none_is_named_twice(family: str, method: str) -> None:
    made = fitted(family, method)
    for reasons in principal(reasoner_of(made), made, made.frame.head(200)):
        assert [r.contribution for r in reasons] == sorted((r.contribution for r in reasons), reverse=True)
        assert len({r.feature for r in reasons}) == len(reasons)


@pytest.mark.parametrize(("family", "method"), [("lightgbm", "sigmoid"), ("logistic", "isotonic"), ("forest", "sigmoid")])
def test_reasons_are_identical_alone_in_a_batch_in_chunks_and_from_another_process_of_the_same_model(
    family: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fitted(family, method)
    frame = made.frame.head(150)
    batch = principal(reasoner_of(made), made, frame)
    again = reasoner_of(made)  # nothing is kept from one to the other
    assert [principal(again, made, frame.iloc[[i]])[0] for i in (0, 33, 149)] == [batch[i] for i in (0, 33, 149)]
    monkeypatch.setattr(module, "CHUNK_ROWS", 40)
    assert principal(again, made, frame) == batch
    assert principal(again, made, frame.iloc[::-1]) == batch[::-1]


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=applicants(load_project("simulated")))
def test_whoever_applies_a_decline_has_a_reason_and_the_waterfall_adds_up(frame: pd.DataFrame) -> None:
    made = fitted("lightgbm", "sigmoid")
    reasoner = reasoner_of(made)
    pds = made.model.predict_proba(frame)[:, 1]
    for reasons, pd_ in zip(reasoner.principal(frame, pds), pds, strict=True):
        assert pd_ < CUTOFF or reasons
        assert all(r.pd_at_reference < pd_ for r in reasons)
    waterfall = reasoner.difference(frame.iloc[[0]])
    assert reasoner.reference_score + waterfall["contribution"].sum() == pytest.approx(logit(pds[:1])[0], abs=1e-6)


def test_no_reason_is_protected_not_even_a_ratio_that_bears_the_name() -> None:
    text = read_project_text("simulated").replace('name = "loan_to_income"', 'name = "age"')
    made = fitted("logistic", "sigmoid", text)
    reasoner = reasoner_of(made)
    found = principal(reasoner, made, made.frame)
    named = {reason.feature for reasons in found for reason in reasons}
    assert "age" in reasoner.factors
    assert not named & set(made.config.protected.columns)
    assert named > {"utilisation", "income"}


def test_nobody_has_a_reason_under_the_prior() -> None:
    made = fitted("prior", "none")
    reasoner = reasoner_of(made)
    assert principal(reasoner, made, made.frame.head(3)) == [(), (), ()]
    assert not reasoner.difference(made.frame.head(1))["contribution"].any()


def test_no_rows_have_no_reasons() -> None:
    made = fitted("lightgbm", "sigmoid")
    assert reasoner_of(made).principal(made.frame.head(0), np.empty(0)) == []


def test_the_desk_gives_reasons_with_every_decline_and_review_and_with_no_approval(
    live_pair: "Pair", live_once: "LiveHome"
) -> None:
    from pipeline.data.clean import clean_table
    from pipeline.serving.records import Application
    from pipeline.serving.scorer import decide

    config = live_pair.champion.config
    table = clean_table(live_once.book().head(120), config, config.feature_names)
    rows = [{k: None if pd.isna(v) else v for k, v in row.items()} for row in table.to_dict("records")]
    decisions = decide(live_pair, [Application(row) for row in rows], contract.SOURCE_FORM)
    assert {d.outcome for d in decisions} == set(contract.OUTCOMES)
    assert all(bool(d.reasons) == (d.outcome != contract.APPROVE) for d in decisions)
    refused = [i for i, d in enumerate(decisions) if d.reasons]
    fresh = Reasoner(live_pair.champion.model, config, live_pair.champion.background, live_pair.champion.policy.approve_below)
    for i in refused[:5]:  # one by one and later: as they were recorded
        assert fresh.principal(table.iloc[[i]], np.array([decisions[i].pd])) == [decisions[i].reasons]


# --- worked by hand ---------------------------------------------------------------------------------------------------

PASSING = ((0.0, 0.0, "owner"), (0.0, 0.0, "owner"), (0.0, 2.0, "owner"))


def test_reasons_worked_by_hand() -> None:
    made = by_hand(debt=1.0, years=-0.3, tenant=0.5, intercept=-1.0)
    reasoner = by_hand_reasoner(made, *PASSING)
    # mean contributions: debt 0, years -0.2, home 0; medians 0, 0 and owner
    frame = hand_rows((2.0, -1.5, "tenant"))
    found = principal(reasoner, made, frame)[0]
    assert [(r.feature, r.text, r.value, r.reference) for r in found] == [
        ("debt", "Too much debt", 2.0, 0.0),
        ("years", "Years in job", -1.5, 0.0),  # 0.45 + 0.2; the project gives no words, so its label
        ("home", "Housing situation", "tenant", "owner"),
    ]
    assert [r.contribution for r in found] == pytest.approx([2.0, 0.65, 0.5])
    assert logit(np.array([r.pd_at_reference for r in found])) == pytest.approx([-0.05, 1.5, 1.45])


def test_a_factor_at_the_reference_is_no_reason_though_it_lies_above_the_groups_mean() -> None:
    made = by_hand(debt=1.0, years=-0.3, tenant=0.0, intercept=-1.0)
    reasoner = by_hand_reasoner(made, *PASSING)
    frame = hand_rows((2.0, 0.0, "owner"))
    assert reasoner.difference(frame)["contribution"].tolist() == pytest.approx([2.0, 0.2, 0.0])
    assert [r.feature for r in principal(reasoner, made, frame)[0]] == ["debt"]


def test_an_applicant_who_only_lies_below_the_mean_gets_what_rescoring_alone_proves() -> None:
    made = by_hand(debt=1.0, years=0.0, tenant=0.0, intercept=-3.0)
    reasoner = by_hand_reasoner(made, (0.0, 0.0, "owner"), (0.0, 0.0, "owner"), (2.9, 0.0, "owner"))
    (reason,) = principal(reasoner, made, hand_rows((0.5, 0.0, "owner")))[0]  # mean debt is 0.97, the median 0
    assert (reason.feature, reason.reference) == ("debt", 0.0)
    assert reason.contribution == pytest.approx(0.5)
    assert logit(np.array([reason.pd_at_reference])) == pytest.approx([-3.0])


def test_where_no_factor_suffices_alone_the_fewest_that_do_together_are_given() -> None:
    made = by_hand(debt=1.0, years=1.0, tenant=1.5, intercept=0.0, calibrator=one_step(0.8, 0.1, 0.4))
    reasoner = by_hand_reasoner(made, (0.0, 0.0, "owner"), cutoff=0.3)
    frame = hand_rows((2.0, 3.0, "tenant"))  # 6.5; the step lies at ln 4 = 1.39
    found = principal(reasoner, made, frame)[0]
    assert [r.feature for r in found] == ["years", "debt", "home"]
    assert {r.pd_at_reference for r in found} == {0.1}
    assert sum(r.contribution for r in found) == pytest.approx(np.log(0.4 / 0.6) - np.log(0.1 / 0.9))
    assert [r.feature for r in principal(reasoner, made, hand_rows((2.0, 3.0, "owner")))[0]] == ["years", "debt"]


def test_when_the_typical_passer_would_be_declined_too_the_safest_one_proves_the_reason() -> None:
    made = by_hand(debt=1.0, years=1.0, tenant=-6.0, intercept=0.0, calibrator=one_step(0.6, 0.1, 0.4))
    # each passes with one thing in favour, 0 in sum; what most have of each is all against
    passers = ((3.0, -3.0, "owner"), (-3.0, 3.0, "owner"), (3.0, 3.0, "tenant"))
    reasoner = by_hand_reasoner(made, *passers, cutoff=0.3)
    assert reasoner.group.typical.values == (3.0, 3.0, "owner")
    (reason,) = principal(reasoner, made, hand_rows((3.0, 3.0, "owner")))[0]
    assert (reason.feature, reason.value, reason.reference, reason.pd_at_reference) == ("years", 3.0, -3.0, 0.1)


def test_ties_are_settled_by_the_projects_order() -> None:
    made = by_hand(debt=1.0, years=1.0, tenant=1.0, intercept=-2.0)
    reasoner = by_hand_reasoner(made, (0.0, 0.0, "owner"))
    assert [r.feature for r in principal(reasoner, made, hand_rows((1.0, 1.0, "tenant")))[0]] == ["debt", "years", "home"]


def test_what_is_missing_is_said_to_be_missing() -> None:
    made = by_hand(debt=1.0, years=-1.0, tenant=0.5, intercept=-1.0)
    reasoner = by_hand_reasoner(made, (0.0, 1.0, "owner"), (-1.0, 1.0, "owner"))
    found = principal(reasoner, made, hand_rows((1.0, np.nan, None)))[0]  # imputed: the median of years, 0
    assert {r.feature: (r.value, r.reference) for r in found} == {"debt": (1.0, -1.0), "years": (None, 1.0)}


# --- the group --------------------------------------------------------------------------------------------------------


def test_the_group_are_the_approved_with_the_highest_pds() -> None:
    background = pd.DataFrame({contract.BACKGROUND_PD: np.linspace(0.0, 0.5, 1001)})
    group, note = nearest_passing(background.sample(frac=1.0, random_state=1), 0.25)
    assert len(group) == GROUP_ROWS
    assert group[contract.BACKGROUND_PD].max() == pytest.approx(0.2495)  # 0.25 itself is not below 0.25
    assert group[contract.BACKGROUND_PD].min() == pytest.approx(0.2495 - 199 * 0.0005)
    assert note == ""


def test_a_group_of_fewer_takes_all_who_pass() -> None:
    group, note = nearest_passing(pd.DataFrame({contract.BACKGROUND_PD: [0.3, 0.1, 0.2, 0.4]}), 0.25)
    assert (group[contract.BACKGROUND_PD].tolist(), note) == ([0.1, 0.2], "")


def test_where_nobody_passes_the_lowest_pds_stand_in_and_the_note_says_so() -> None:
    group, note = nearest_passing(pd.DataFrame({contract.BACKGROUND_PD: [0.3, 0.1, 0.2]}), 0.05)
    assert group[contract.BACKGROUND_PD].tolist() == [0.1, 0.2, 0.3]
    assert "below 0.05" in note
    assert "3 lowest" in note


def test_where_nobody_passes_everyone_but_the_safest_still_has_a_reason() -> None:
    made = fitted("lightgbm", "isotonic")
    reasoner, pds = reasoner_of(made, cutoff=0.0), made.pds
    found = reasoner.principal(made.frame.head(300), pds[:300])
    assert reasoner.group_note
    assert all(reasons for reasons, pd_ in zip(found, pds[:300], strict=True) if pd_ > pds.min())


def test_an_empty_background_is_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        nearest_passing(pd.DataFrame({contract.BACKGROUND_PD: []}), 0.1)


def test_typical_is_a_value_that_somebody_has_and_missing_where_most_have_none() -> None:
    made = fitted("lightgbm", "sigmoid")
    reasoner = reasoner_of(made)
    typical = dict(zip(reasoner.factors, reasoner.group.typical.values, strict=True))
    assert typical["months_since_last_delinquency"] is None  # most never were late
    assert typical["existing_customer"] in (0.0, 1.0)
    assert float(str(typical["credit_lines"])).is_integer()
    assert typical["term_months"] in {"12", "24", "36", "48", "60"}


# --- the waterfall ----------------------------------------------------------------------------------------------------


def test_the_waterfall_has_a_row_per_factor_in_the_projects_order() -> None:
    made = fitted("lightgbm", "sigmoid")
    reasoner = reasoner_of(made)
    frame = made.frame.iloc[[int(np.argmax(made.pds))]]
    table = reasoner.difference(frame)
    assert tuple(table["feature"]) == reasoner.factors
    assert table.columns.tolist() == ["feature", "label", "value", "reference", "contribution", "pd_at_reference"]
    row = table.set_index("feature").loc["utilisation"]
    assert (row["label"], row["value"]) == ("Share of card limits in use", frame["utilisation"].iloc[0])
    named = {r.feature: r.pd_at_reference for r in principal(reasoner, made, frame)[0]}
    assert table.set_index("feature")["pd_at_reference"][list(named)].to_dict() == named


def test_a_waterfall_is_for_one_applicant() -> None:
    made = fitted("lightgbm", "sigmoid")
    with pytest.raises(ValueError, match="2 rows"):
        reasoner_of(made).difference(made.frame.head(2))


def is_joint(reasons: tuple[Reason, ...]) -> bool:
    """Reasons given together share one PD."""
    return len({r.pd_at_reference for r in reasons}) == 1


def rescored(reasoner: Reasoner, frame: pd.DataFrame, reasons: list[Reason] | tuple[Reason, ...]) -> float:
    """The PD with these factors at their reference, by way of the scored frame."""
    scored = reasoner.explainer.raw_step(frame)
    for reason in reasons:
        missing = np.nan if pd.api.types.is_numeric_dtype(scored[reason.feature]) else contract.BIN_MISSING
        scored = scored.assign(**{reason.feature: [missing if reason.reference is None else reason.reference]})
    return float(reasoner.explainer.pd_of_matrix(reasoner.explainer.matrix(scored))[0])
