"""The pure parts of the Applicant page: fields, examples, idempotency keys, and what is said."""

import math
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dashboard.applicant_answers import (
    decided,
    reasons_in_words,
    said_place,
    said_value,
    waiting_for_one,
    waterfall_rows,
    waterfall_title,
)
from dashboard.application import as_field, choice_text, defaults, examples, may_be_missing, said_range, step_of
from dashboard.casework import Case, decided_by, key_of
from dashboard.labels import plain_label
from pipeline import contract
from pipeline.project import Feature, list_projects, load_project
from pipeline.serving.inputs import InputRules
from pipeline.serving.peers import Peers
from pipeline.serving.records import Decision, Reason

CONFIG = load_project("simulated")
POLICY = SimpleNamespace(approve_below=0.15, decline_above=0.25, id="p-1")
KNOWN = Peers(412, 95, 0.23, 0.19, 0.27, 0.13, 0.16)


def case(outcome: str = "review", pd_value: float = 0.2, reasons: tuple[Reason, ...] = (), peers: Peers = KNOWN) -> Case:
    decision = Decision(
        "d-1",
        "simulated",
        datetime(2026, 1, 2, tzinfo=UTC),
        "form",
        3,
        "a" * 64,
        "run",
        "p-1",
        {},
        pd_value,
        "E",
        outcome,
        reasons,
    )
    names = [f.name for f in CONFIG.features] + [r.name for r in CONFIG.ratios]
    table = pd.DataFrame(
        {
            "feature": names,
            "label": [name.upper() for name in names],
            "value": None,
            "reference": None,
            "contribution": [0.5, -0.9, *[0.01] * (len(names) - 2)],
        }
    )
    return Case(decision, peers, 0.87, table, -1.7, 200, "")


@pytest.mark.parametrize("project", list_projects())
def test_the_defaults_of_every_built_in_project_pass_its_own_rules_or_are_asked_for(project: str) -> None:
    config = load_project(project)
    start = defaults(config)
    _, faults = InputRules(config).check(start, from_text=True)
    assert {fault.field for fault in faults} <= {f.name for f in config.features if f.default is None}


@pytest.mark.parametrize("project", list_projects())
def test_every_choice_and_step_of_every_built_in_project_has_words_and_size(project: str) -> None:
    for feature in load_project(project).features:
        assert step_of(feature) > 0
        if feature.kind == "category":
            assert all(choice_text(feature, choice) for choice in feature.choices)
        assert ("Leave empty" in said_range(feature)) == may_be_missing(feature)


def test_a_value_becomes_what_its_field_holds() -> None:
    term, customer, lines = (CONFIG.feature(name) for name in ("term_months", "existing_customer", "credit_lines"))
    assert as_field(term, "36") == 36 and as_field(term, 36) == 36
    assert as_field(term, "37") is None, "a choice that is no more"
    assert as_field(customer, 1.0) is True and as_field(customer, 0.0) is False and as_field(customer, True) is True
    assert as_field(lines, 3.0) == 3 and isinstance(as_field(lines, 3.0), int)
    assert as_field(lines, math.nan) is None and as_field(lines, None) is None


@settings(deadline=None)
@given(some.lists(some.floats(0, 1), min_size=1, max_size=40), some.floats(0.01, 0.9))
def test_examples_are_rows_of_the_background_in_the_order_of_their_names(pds: list[float], cutoff: float) -> None:
    row = {f.name: (str(f.choices[0]) if f.kind == "category" else 1.0) for f in CONFIG.features}
    background = pd.DataFrame([{**row, "amount": float(i), contract.BACKGROUND_PD: p} for i, p in enumerate(pds)])
    found = examples(CONFIG, background, cutoff)
    by_name = {name: pds[int(float(str(values["amount"])))] for name, values in found.items()}
    assert by_name["Low risk"] <= by_name["Typical"] <= by_name["High risk"]
    assert abs(by_name["Near the cut-off"] - cutoff) == min(abs(p - cutoff) for p in pds)


def test_missing_cells_of_the_background_are_not_known() -> None:
    row = {f.name: (str(f.choices[0]) if f.kind == "category" else 1.0) for f in CONFIG.features}
    background = pd.DataFrame([{**row, "income": math.nan, "housing": pd.NA, contract.BACKGROUND_PD: 0.1}])
    found = examples(CONFIG, background, 0.1)["Typical"]
    assert found["income"] is None and found["housing"] is None


def test_the_answer_says_decision_pd_grade_and_what_such_applicants_did() -> None:
    said = decided(case("decline", 0.314), POLICY)
    assert said.text.replace("\\", "") == (
        "Decline: PD 31.4 %, grade E. Of 412 past applicants with such a score 23 % defaulted [19, 27]."
    )
    assert said.is_firm
    few = Peers(12, 3, math.nan, math.nan, math.nan, 0.5, 0.6)
    assert not decided(case(peers=few), POLICY).is_firm


def test_a_pd_that_rounds_to_its_cutoff_is_told_apart_from_it() -> None:
    assert "15.0 %" in said_place(case("approve", 0.1).decision, POLICY)
    close = said_place(case("approve", 0.14998).decision, POLICY)
    assert "15.000 %" in close and "the PD is 14.998 %" in close
    assert "At or above 25.0 %" in said_place(case("decline", 0.25).decision, POLICY)
    assert "asks a person" in said_place(case("review", 0.2).decision, POLICY)


def test_without_a_review_band_nobody_is_said_to_be_reviewed() -> None:
    same = SimpleNamespace(approve_below=0.2, decline_above=0.2)
    assert waiting_for_one(same, 4).text.endswith("nobody is reviewed.")


def test_a_reason_names_value_reference_and_what_the_pd_would_be() -> None:
    reason = Reason("term_months", "Length of the loan", "60", "36", 0.4, 0.123)
    (line,) = reasons_in_words([reason], CONFIG)
    assert line == (
        "**Length of the loan**: 60 months, where applicants who just pass have 36 months. With that the PD would be 12.3 %."
    )


def test_values_are_written_as_the_form_shows_them() -> None:
    assert said_value(CONFIG.feature("amount"), 12500.0) == "12,500 EUR"
    assert said_value(CONFIG.feature("purpose"), "car") == "Car"
    assert said_value(CONFIG.feature("existing_customer"), 0.0) == "no"
    assert said_value(CONFIG.feature("income"), None) == "not known"
    assert said_value(None, 0.256) == "0.256"


def test_labels_keep_what_a_screen_reader_reads_and_escape_what_markdown_reads() -> None:
    assert plain_label("Late payments, two years (n)") == "Late payments, two years (n)"
    assert plain_label("*a* [b](c) :red[d] <e> $f$ `g`\n# h") == r"\*a\* \[b\](c) \:red\[d\] \<e\> \$f\$ \`g\` \# h"
    assert plain_label(":smile:") == "\\:\u2060smile\\:", "no emoji by its short name"


def test_text_of_the_project_is_shown_literally() -> None:
    nasty = Feature(name="x", kind="category", label="x", choices=("a",), choice_labels=("<b>*[l](javascript:x)",))
    assert said_value(nasty, "a") == r"\<b\>\*\[l\]\(javascript\:x\)"
    reason = Reason("amount", "**<img src=x>**", 1.0, 2.0, 0.1, 0.1)
    assert r"\*\*\<img src\=x\>\*\*" in reasons_in_words([reason], CONFIG)[0]


def test_the_waterfall_keeps_the_sum_and_joins_the_least() -> None:
    found = case()
    rows = waterfall_rows(found, CONFIG)
    assert rows["contribution"].sum() == pytest.approx(found.waterfall["contribution"].sum(), abs=1e-12)
    assert len(rows) == 9 and rows["label"].iloc[-1].endswith("others")
    assert rows["label"].iloc[0] == "TERM_MONTHS", "the weightiest first, whichever way"
    assert waterfall_title(rows).startswith("AMOUNT and ") and "TERM_MONTHS lowers it most" in waterfall_title(rows)


def test_a_second_press_has_the_same_key_and_anything_else_another() -> None:
    live = SimpleNamespace(version=1, policy=POLICY)
    other = SimpleNamespace(version=2, policy=POLICY)
    pair = SimpleNamespace(champion=live, challenger=None)
    key = key_of(pair, {"amount": 1.0}, None, "n")
    assert key == key_of(pair, {"amount": 1.0}, None, "n")
    changed = [
        key_of(pair, {"amount": 2.0}, None, "n"),
        key_of(pair, {"amount": 1.0}, "A-1", "n"),
        key_of(pair, {"amount": 1.0}, None, "m"),
        key_of(SimpleNamespace(champion=other, challenger=None), {"amount": 1.0}, None, "n"),
        key_of(SimpleNamespace(champion=live, challenger=other), {"amount": 1.0}, None, "n"),
    ]
    assert len({key, *changed}) == 6


def test_the_model_that_decided_is_found_by_version_and_policy_while_it_runs() -> None:
    champion = SimpleNamespace(version=3, policy=POLICY)
    beside = SimpleNamespace(version=4, policy=POLICY)
    assert decided_by(SimpleNamespace(champion=champion, challenger=beside), case().decision) is champion
    assert decided_by(SimpleNamespace(champion=beside, challenger=None), case().decision) is None


def test_drawing_the_page_imports_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys, dashboard.loading, dashboard.components.applicant_parts, dashboard.components.applicant_case, "
        "dashboard.components.applicant_states; "
        "print([m for m in ('mlflow', 'sklearn', 'lightgbm', 'sqlalchemy', 'shap') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
