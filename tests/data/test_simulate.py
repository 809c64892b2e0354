"""The simulated book is believable: volumes, rates, discrimination, money and missing values."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pipeline.data.simulate import (
    CLEAN_MONTHS,
    COLUMNS,
    DEFAULT_RATE,
    DEVELOPMENT_MONTHS,
    INCIDENTS,
    BookSpec,
    simulate_book,
)
from pipeline.data.simulate_applicants import Streams, draw_applicants
from pipeline.data.simulate_calendar import add_months
from pipeline.data.simulate_outcomes import calibrate_intercept, draw_outcomes, expected_rate, hazard_score
from pipeline.project import ProjectConfig, load_project

OUTCOMES = ["default", "outcome_known_date", "realised_loss", "realised_interest"]


@pytest.fixture(scope="module")
def book() -> pd.DataFrame:
    return simulate_book(BookSpec())


@pytest.fixture(scope="module")
def calm() -> pd.DataFrame:
    return simulate_book(BookSpec().without(INCIDENTS))


@pytest.fixture(scope="module")
def project() -> ProjectConfig:
    return load_project("simulated")


def month_of(frame: pd.DataFrame) -> pd.Series:
    """Month of the book, from 1, of a book that opens in January 2024."""
    return (frame["application_date"].dt.year - 2024) * 12 + frame["application_date"].dt.month


def development(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[month_of(frame) <= DEVELOPMENT_MONTHS]


# --- the book as such -------------------------------------------------------------------------------------------------


def test_the_same_spec_gives_the_same_frame_and_another_seed_another() -> None:
    spec = BookSpec(seed=7, n=3000)
    pd.testing.assert_frame_equal(simulate_book(spec), simulate_book(spec), check_exact=True)
    assert not simulate_book(spec)["amount"].equals(simulate_book(replace(spec, seed=8))["amount"])


def test_n_counts_the_usual_applications_and_the_campaign_comes_on_top(book: pd.DataFrame, calm: pd.DataFrame) -> None:
    assert len(calm) == 60_000
    assert 60_000 < len(book) < 70_000


def test_every_month_has_applications_growing_slowly_with_a_mild_season(calm: pd.DataFrame) -> None:
    volume = month_of(calm).value_counts().sort_index()
    assert list(volume.index) == list(range(1, 25))
    assert 1.05 < volume.loc[13:].sum() / volume.loc[:12].sum() < 1.15
    assert volume.max() / volume.min() < 1.5


def test_rows_stand_by_date_with_unique_ids_and_the_promised_columns(book: pd.DataFrame) -> None:
    assert tuple(book.columns) == COLUMNS
    assert book["application_date"].is_monotonic_increasing
    assert book["application_id"].is_unique
    assert book["application_date"].min() >= pd.Timestamp("2024-01-01")
    assert book["application_date"].max() <= pd.Timestamp("2025-12-31")


def test_weekends_are_quiet(book: pd.DataFrame) -> None:
    share = (book["application_date"].dt.dayofweek >= 5).mean()
    assert 0.08 < share < 0.18


def test_the_development_default_rate_is_the_promised_one(book: pd.DataFrame) -> None:
    assert development(book)["default"].mean() == pytest.approx(DEFAULT_RATE, abs=0.004)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_development_default_rate_holds_for_other_seeds(seed: int) -> None:
    rows = development(simulate_book(BookSpec(seed=seed)))
    assert rows["default"].mean() == pytest.approx(DEFAULT_RATE, abs=4 * np.sqrt(0.185 * 0.815 / len(rows)))


def test_the_intercept_is_solved_exactly() -> None:
    eta = np.random.default_rng(0).normal(size=5000)
    assert expected_rate(eta, calibrate_intercept(eta, 0.185)) == pytest.approx(0.185, abs=1e-10)
    assert calibrate_intercept(np.zeros(10), 0.5) == pytest.approx(np.log(np.log(2)), abs=1e-10)


@pytest.mark.parametrize(("n", "rate"), [(0, 0.2), (10, 0.0), (10, 1.0)])
def test_an_impossible_calibration_is_refused(n: int, rate: float) -> None:
    with pytest.raises(ValueError, match="cannot calibrate"):
        calibrate_intercept(np.zeros(n), rate)


# --- what a model can learn -------------------------------------------------------------------------------------------


def design(frame: pd.DataFrame, project: ProjectConfig) -> pd.DataFrame:
    X = frame[list(project.feature_names)].assign(existing_customer=frame["existing_customer"].astype(float))
    for ratio in project.ratios:
        X[ratio.name] = X[ratio.numerator] / X[ratio.denominator]
    categories = [f.name for f in project.features if f.kind == "category"]
    return X.astype(dict.fromkeys(categories, "category"))


def logistic(X: pd.DataFrame, C: float = 1.0) -> Pipeline:
    numbers = X.select_dtypes("number").columns.tolist()
    categories = X.select_dtypes("category").columns.tolist()
    fill = SimpleImputer(strategy="constant", fill_value=-1)
    encode = OneHotEncoder(drop="first", sparse_output=False, handle_unknown="ignore")
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), encode), [c for c in categories if c != "term_months"]),
        (make_pipeline(fill, encode), ["term_months"]),
    )
    return make_pipeline(prepare, LogisticRegression(C=C, max_iter=500))


def test_a_good_model_discriminates_as_a_lender_would_believe(calm: pd.DataFrame, project: ProjectConfig) -> None:
    train, later = development(calm), calm[month_of(calm) > DEVELOPMENT_MONTHS]
    X, X_later = design(train, project), design(later, project)
    trees = LGBMClassifier(
        n_estimators=150, learning_rate=0.06, num_leaves=8, min_child_samples=60, n_jobs=1, verbose=-1, random_state=0
    ).fit(X, train["default"])
    lines = logistic(X).fit(X, train["default"])
    clean = (month_of(later) <= CLEAN_MONTHS).to_numpy()
    auc = {}
    for name, model in (("trees", trees), ("lines", lines)):
        pd_hat = model.predict_proba(X_later)[:, 1]
        auc[name] = roc_auc_score(later["default"], pd_hat)
        assert 0.74 < auc[name] < 0.80
        assert 0.74 < roc_auc_score(later["default"][clean], pd_hat[clean]) < 0.80
    assert 0.01 <= auc["trees"] - auc["lines"] <= 0.03


def test_no_single_feature_gives_the_outcome_away(calm: pd.DataFrame, project: ProjectConfig) -> None:
    rows = development(calm)
    for column in rows[list(project.feature_names)].select_dtypes("number"):
        known = rows[column].notna()
        auc = roc_auc_score(rows["default"][known], rows[column][known])
        assert max(auc, 1 - auc) < 0.70, column


def test_the_price_carries_the_lenders_own_score_and_is_never_a_feature(calm: pd.DataFrame, project: ProjectConfig) -> None:
    assert roc_auc_score(calm["default"], calm["interest_rate"]) > 0.70
    for column in ("interest_rate", *OUTCOMES[1:]):
        assert project.data.is_never(column)


def test_risk_does_not_look_at_sex_or_age() -> None:
    people = draw_applicants(Streams(1, "usual"), 500)
    other = people.assign(sex=people["sex"].map({"female": "male", "male": "female"}), age=40)
    np.testing.assert_array_equal(hazard_score(people), hazard_score(other))
    np.testing.assert_array_equal(hazard_score(people), hazard_score(people.drop(columns=["sex", "age"])))


def test_given_the_features_sex_says_nothing_more(calm: pd.DataFrame, project: ProjectConfig) -> None:
    rows = calm[calm["income"].notna()]
    X = design(rows, project)
    Z = logistic(X)[0].fit_transform(X)
    Z = np.column_stack([(rows["sex"] == "female").astype(float), Z])
    model = LogisticRegression(C=1e4, max_iter=1000).fit(Z, rows["default"])
    p = model.predict_proba(Z)[:, 1]
    Z1 = np.column_stack([Z, np.ones(len(Z))])
    # Wald interval: the inverse of the Fisher information bounds the term of sex.
    error = np.sqrt(np.linalg.pinv((Z1 * (p * (1 - p))[:, None]).T @ Z1)[0, 0])
    assert abs(model.coef_[0, 0]) < 2.58 * error < 0.1


def test_the_protected_columns_correlate_mildly_with_income(calm: pd.DataFrame) -> None:
    income = calm.groupby("sex")["income"].median()
    assert 0.85 < income["female"] / income["male"] < 0.97
    assert 0.05 < calm["age"].corr(np.log(calm["income"]), method="spearman") < 0.5


# --- what is known, when, and in money --------------------------------------------------------------------------------


def test_outcomes_become_known_months_after_the_application(book: pd.DataFrame) -> None:
    days = (book["outcome_known_date"] - book["application_date"]).dt.days
    is_default = book["default"] == 1
    assert days[~is_default].between(365, 366).all()
    assert days[is_default].between(89, 366).all()
    months = days[is_default] // 30
    assert set(months.unique()) >= set(range(3, 13))


def test_the_month_of_an_outcome_is_clipped_to_the_end_of_a_short_month() -> None:
    dates = np.array(["2024-11-30", "2024-11-30", "2024-01-31", "2024-12-15"], dtype="M8[us]")
    known = add_months(dates, np.array([3, 12, 1, 6]))
    assert known.astype("M8[D]").astype(str).tolist() == ["2025-02-28", "2025-11-30", "2024-02-29", "2025-06-15"]


def test_losses_and_interest_are_believable_money(book: pd.DataFrame) -> None:
    is_default = book["default"] == 1
    assert (book["realised_loss"] <= book["amount"]).all()
    assert (book.loc[~is_default, "realised_loss"] == 0).all()
    assert (book.loc[is_default, "realised_loss"] > 0).all()
    assert (book["realised_interest"] >= 0).all()
    loans = development(book)
    lost = loans[loans["default"] == 1]
    assert 0.45 < lost["realised_loss"].sum() / lost["amount"].sum() < 0.60
    margin = (loans["realised_interest"] / loans["amount"]).groupby(loans["default"]).mean()
    assert margin[1] < 0.5 * margin[0]


def test_the_interest_of_a_good_loan_follows_the_annuity() -> None:
    loan = pd.DataFrame({"amount": [12_000.0], "term_months": [24], "interest_rate": [0.12]})
    outcome = draw_outcomes(Streams(0, "usual"), loan, np.array([-30.0])).iloc[0]
    # 1 % a month, 24 instalments of 564.88: interest month by month over the first twelve.
    balance, interest = 12_000.0, 0.0
    for _ in range(12):
        interest += balance * 0.01
        balance += balance * 0.01 - 12_000 * 0.01 / (1 - 1.01**-24)
    assert outcome["default"] == 0
    assert outcome["known_after_months"] == 12
    assert outcome["realised_loss"] == 0
    assert outcome["realised_interest"] == pytest.approx(interest, abs=0.005)


def test_a_loan_that_fails_at_once_owes_all_and_paid_nothing() -> None:
    loan = pd.DataFrame({"amount": [10_000.0] * 2000, "term_months": 36, "interest_rate": 0.1})
    outcome = draw_outcomes(Streams(0, "usual"), loan, np.full(2000, 30.0))
    assert (outcome["known_after_months"] == 3).all()
    assert (outcome["realised_interest"] == 0).all()
    assert outcome["realised_loss"].mean() == pytest.approx(5_800, rel=0.02)


# --- missing values ---------------------------------------------------------------------------------------------------


def test_values_are_missing_where_they_cannot_exist(book: pd.DataFrame) -> None:
    assert book["savings_balance"].isna().equals(~book["existing_customer"])
    assert book["utilisation"].isna().equals(book["credit_lines"] == 0)
    no_job = book["employment_status"].isin(["retired", "student"])
    assert book.loc[no_job, "years_employed"].isna().all()
    assert book.loc[book["delinquencies_2y"] > 0, "months_since_last_delinquency"].max() < 24
    never = book["months_since_last_delinquency"].isna()
    assert (book.loc[never, "delinquencies_2y"] == 0).all()


def test_income_goes_missing_more_among_the_self_employed(calm: pd.DataFrame) -> None:
    rate = calm["income"].isna().groupby(calm["employment_status"]).mean()
    assert rate["self_employed"] > 0.05 > 0.03 > rate["permanent"] > 0.005


def test_missing_rates_stay_within_what_the_project_declares(book: pd.DataFrame, project: ProjectConfig) -> None:
    for feature in project.features:
        monthly = book[feature.name].isna().groupby(month_of(book)).mean()
        assert monthly.max() <= feature.max_missing, feature.name
        assert (feature.max_missing > 0) == (monthly.max() > 0), feature.name


# --- the project beside it --------------------------------------------------------------------------------------------


def test_the_project_fits_the_book(book: pd.DataFrame, project: ProjectConfig) -> None:
    assert set(project.required_columns) <= set(COLUMNS)
    for feature in project.features:
        values = book[feature.name].dropna()
        if feature.kind == "category":
            assert set(values.unique()) == set(feature.choices), feature.name
        if feature.range is not None:
            assert values.between(*feature.range).all(), feature.name
        if feature.integer:
            assert (values == values.round()).all(), feature.name


def test_the_project_develops_and_tests_before_the_first_incident(project: ProjectConfig) -> None:
    first = min(incident.start_date("2024-01") for incident in INCIDENTS.values()).date()
    assert project.split.test_from < project.split.test_until < first


def test_every_feature_of_the_project_can_be_explained(project: ProjectConfig) -> None:
    for item in (*project.features, *project.ratios):
        assert item.label
        assert item.help
        assert item.reason
    reasons = [item.reason for item in (*project.features, *project.ratios)]
    assert len(set(reasons)) == len(reasons)


def test_the_costs_of_the_project_are_those_of_the_book(book: pd.DataFrame, project: ProjectConfig) -> None:
    loans, costs = development(book), project.costs
    lost, good = loans[loans["default"] == 1], loans[loans["default"] == 0]
    assert lost["realised_loss"].sum() / lost["amount"].sum() == pytest.approx(costs.lgd, abs=0.01)
    assert good["realised_interest"].sum() / good["amount"].sum() == pytest.approx(costs.margin, abs=0.005)
    assert lost["realised_loss"].mean() == pytest.approx(costs.fn_cost, rel=0.05)
    assert good["realised_interest"].mean() == pytest.approx(costs.fp_cost, rel=0.05)
