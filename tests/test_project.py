"""A project file is refused with the key, the value and what would be right; a good one is a product without code."""

import tomllib

import pytest
from pydantic import ValidationError

from pipeline.project import (
    ProjectConfig,
    ProjectError,
    list_projects,
    load_project,
    parse_project,
    project_sha256,
    read_project_text,
)

SMALL = """
[project]
name = "corner_shop"
title = "Corner shop loans"
currency = "EUR"
[data]
target = "default"
never = ["recovered*", "status"]
[[features]]
name = "income"
kind = "number"
label = "Income"
range = [0, 1000]
[[features]]
name = "term"
kind = "category"
label = "Term"
choices = [36, 60]
[protected]
columns = ["sex"]
[split]
method = "stratified"
[costs]
fn_cost = 5.0
fp_cost = 1.0
[models.logistic]
family = "logistic"
fixed = { max_iter = 1000 }
grid = { C = [0.1, 1], penalty = ["l1", "l2"] }
"""


def refusal(old: str, new: str) -> str:
    """Message for the small project with one piece replaced."""
    assert old in SMALL
    with pytest.raises(ProjectError) as refused:
        parse_project(SMALL.replace(old, new), "shop.toml")
    return str(refused.value)


def test_the_small_project_is_good() -> None:
    config = parse_project(SMALL)
    assert config.name == "corner_shop"
    assert config.feature_names == ("income", "term")
    assert config.required_columns == ("default", "income", "term", "sex")


@pytest.mark.parametrize("name", list_projects())
def test_every_built_in_project_loads_and_says_where_its_data_comes_from(name: str) -> None:
    config = load_project(name)
    assert config.name == name
    assert config.data.target in config.required_columns
    assert all(feature.label for feature in config.features)
    assert tomllib.loads(read_project_text(name))["project"]["name"] == name


def test_the_three_public_products_are_built_in() -> None:
    assert {"loan_data", "taiwan", "lending_club"} <= set(list_projects())


def test_a_product_is_a_path_to_a_toml_file_and_no_code(tmp_path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(SMALL)
    assert load_project(path) == parse_project(SMALL)


def test_an_unknown_project_names_the_nearest_and_all_others() -> None:
    with pytest.raises(ProjectError, match=r"no project 'taiwn'; did you mean 'taiwan'\?; built in are .*lending_club"):
        load_project("taiwn")


def test_a_name_cannot_climb_out_of_the_built_in_folder() -> None:
    with pytest.raises(ProjectError, match="no project"):
        load_project("../projects/taiwan")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind =", "kinds =", "features.0.kinds: unknown key; did you mean 'kind'?"),
        ("[split]", "[splitt]", "splitt: unknown key; did you mean 'split'?"),
        ("target =", 'tragets = "x"\ntarget =', "data.tragets: unknown key; did you mean 'target'?"),
        ("fixed =", "fix =", "models.logistic.fix: unknown key; did you mean 'fixed'?"),
        ("fn_cost =", "zzz = 1\nfn_cost =", "costs.zzz: unknown key"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_right_one(old: str, new: str, message: str) -> None:
    assert message in refusal(old, new)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("range = [0, 1000]", "range = [1000, 0]",
         "features.0.range = [1000, 0]: the lower end 1000 is not below the upper end 0; write [lowest, highest]"),
        ("choices = [36, 60]", "", "category 'term' names no choices; list every value that may occur"),
        ("range = [0, 1000]", "choices = [1]", "number 'income' has choices; make its kind category or give a range"),
        ("choices = [36, 60]", "choices = [36, 60]\nrange = [1, 2]", "category 'term' has a range; only numbers have one"),
        ("choices = [36, 60]", 'choices = [36, 60]\nchoice_labels = ["a"]', "'term' has 2 choices but 1 choice_labels"),
        ("choices = [36, 60]", "choices = [36, 60]\nmonotone = 1", "category 'term' has a monotone sign"),
        ('currency = "EUR"', 'currency = "euro"', "project.currency = 'euro'"),
        ('method = "stratified"', 'method = "time"', "split: method = 'time' needs test_from, the first date of the test rows"),
        ('method = "stratified"', 'method = "stratified"\ntest_from = 2024-01-01',
         "split: method = 'stratified' takes test_size, not dates"),
        ('method = "stratified"', 'method = "time"\ntest_from = 2024-02-01\ntest_until = 2024-01-01',
         "test_from 2024-02-01 lies after test_until 2024-01-01; swap them"),
        ('method = "stratified"', 'method = "time"\ntest_from = 2024-02-01', "split.method = 'time' needs data.time"),
        ("fp_cost = 1.0", "", "costs.fp_cost: is missing and must be given"),
        ("fp_cost = 1.0", "fp_cost = -1.0", "costs.fp_cost = -1.0: Input should be greater than 0"),
        ('columns = ["sex"]', 'columns = ["sex"]\nbins = { age = [30] }', "bins.age: is not among columns ['sex']"),
        ('columns = ["sex"]', 'columns = ["sex"]\nbins = { sex = [2, 1] }', "bins.sex = [2.0, 1.0]: edges must rise"),
        ('name = "term"', 'name = "income"', "income named twice; each name must be used once"),
        ("[split]", '[[ratios]]\nname = "r"\nnumerator = "incom"\ndenominator = "term"\nlabel = "R"\n[split]',
         "ratios.r: 'incom' is not a number feature; did you mean 'income'?"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_key_and_what_would_be_right(old: str, new: str, message: str) -> None:
    assert message in refusal(old, new)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("default", "'default' is the target or listed under data.never; it would leak the outcome"),
        ("status", "'status' is the target or listed under data.never; it would leak the outcome"),
        ("recovered_amount", "'recovered_amount' is the target or listed under data.never"),
        ("sex", "'sex' is a protected column; it stays out of the model"),
    ],
)
def test_a_leaking_or_protected_column_is_refused_as_a_feature_by_name(name: str, message: str) -> None:
    assert message in refusal('name = "income"', f'name = "{name}"')


@pytest.mark.parametrize(
    "column", ["total_pymnt", "total_rec_prncp", "recoveries", "collection_recovery_fee", "last_pymnt_d", "loan_status",
               "settlement_amount", "debt_settlement_flag", "funded_amnt_inv", "grade", "sub_grade", "int_rate", "installment"],
)  # fmt: skip
def test_lending_clubs_leak_columns_are_refused_as_features_by_name(column: str) -> None:
    text = read_project_text("lending_club") + f'\n[[features]]\nname = "{column}"\nkind = "number"\nlabel = "x"\n'
    with pytest.raises(ProjectError, match=f"'{column}' is the target or listed under data.never"):
        parse_project(text)


def test_every_fault_is_told_at_once() -> None:
    text = SMALL.replace("range = [0, 1000]", "range = [1000, 0]").replace("fp_cost = 1.0", "").replace("title", "titel")
    with pytest.raises(ProjectError) as refused:
        parse_project(text, "shop.toml")
    first, *faults = str(refused.value).splitlines()
    assert first == f"shop.toml: {len(faults)} fault(s)"
    keys = {fault.split(":")[0].split(" =")[0].strip() for fault in faults}
    assert keys == {"project.title", "project.titel", "features.0.range", "costs.fp_cost"}


def test_a_file_that_is_no_toml_is_refused_with_the_place() -> None:
    assert "is not valid TOML" in refusal('[project]\nname = "corner_shop"', "[project\nname = 'x'")


def test_a_grid_yields_every_combination_with_the_fixed_parameters() -> None:
    candidates = list(parse_project(SMALL).models["logistic"].candidates())
    assert candidates == [{"max_iter": 1000, "C": c, "penalty": p} for c in (0.1, 1) for p in ("l1", "l2")]


def test_a_feature_is_found_by_name_or_the_nearest_is_named() -> None:
    config = parse_project(SMALL)
    assert config.feature("term").choices == (36, 60)
    with pytest.raises(KeyError, match="no feature 'trem'; did you mean 'term'"):
        config.feature("trem")


def test_a_project_is_frozen_and_identified_by_its_text() -> None:
    config: ProjectConfig = parse_project(SMALL)
    with pytest.raises(ValidationError, match="frozen"):
        config.project = config.project
    assert project_sha256(SMALL) == project_sha256(SMALL) != project_sha256(SMALL + "\n")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("floors = { roc_auc", "floors = { roc_auk", "did you mean 'roc_auc'"),
        ("champion_tolerance", 'champion_metric = "gin"\nchampion_tolerance', "did you mean 'gini'"),
        ("cap_quantiles = [0.001, 0.999]", "cap_quantiles = [0.999, 0.001]", "write \\[lower, upper\\]"),
    ],
)
def test_a_gate_or_cap_that_means_nothing_is_refused_when_it_is_read(old: str, new: str, named: str) -> None:
    text = read_project_text("taiwan")
    assert old in text
    with pytest.raises(ProjectError, match=named):
        parse_project(text.replace(old, new, 1))


RULE = '[monitoring]\n[[monitoring.rules]]\nname = "moved"\nmeasure = "psi"\nabove = 0.1\n'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"psi"', '"psy"', "monitoring.rules.0.measure = 'psy': nothing measures that; did you mean 'psi'?"),
        ("above = 0.1", "above = 0.1\nbelow = 0.2", "rule 'moved' needs one limit, above or below, and only one"),
        ("above = 0.1", "", "rule 'moved' needs one limit"),
        ("above = 0.1", "above = nan", "monitoring.rules.0.above = nan: a limit must be a finite number"),
        ("above = 0.1", "above = 1\npersist = [3, 2]", "needs 1 <= k <= n <= 24"),
        ("above = 0.1", "above = 1\nsubjects = ['incme']", "'incme' is no feature; did you mean 'income'?"),
        ("above = 0.1", "above = 1\nseverty = 'info'", "monitoring.rules.0.severty: unknown key; did you mean 'severity'?"),
        ("above = 0.1", "above = 1\nseverity = 'red'", "'info', 'warning' or 'critical'"),
        ('"moved"', '"Moved!"', "monitoring.rules.0.name = 'Moved!'"),
        ("[monitoring]", "[monitoring]\npsi_warn = 0.5", "psi_warn = 0.5 must lie between 0 and psi_alert = 0.25"),
    ],
)
def test_a_rule_that_cannot_be_judged_is_refused_by_name(old: str, new: str, words: str) -> None:
    assert parse_project(SMALL + RULE).monitoring.rules_in_force[0].limit == 0.1
    with pytest.raises(ProjectError) as refused:
        parse_project(SMALL + RULE.replace(old, new, 1))
    assert words in str(refused.value)


def test_a_rule_named_twice_is_refused() -> None:
    with pytest.raises(ProjectError, match="moved named twice"):
        parse_project(SMALL + RULE + RULE.replace("[monitoring]\n", ""))


def test_the_simulated_file_states_the_usual_rules_and_none_means_none() -> None:
    stated = load_project("simulated").monitoring
    assert stated.rules == stated.model_copy(update={"rules": None}).rules_in_force
    assert parse_project(SMALL).monitoring.rules_in_force and parse_project(SMALL).monitoring.rules is None
    assert parse_project(SMALL + "[monitoring]\nrules = []\n").monitoring.rules_in_force == ()


def test_a_changed_copy_reads_its_own_columns_and_not_those_of_the_original() -> None:
    config = load_project("simulated")
    assert config.data.outcome_known in config.required_columns
    changed = config.model_copy(update={"data": config.data.model_copy(update={"outcome_known": None})})
    assert set(config.required_columns) - set(changed.required_columns) == {config.data.outcome_known}
