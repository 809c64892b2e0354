"""Each incident of the simulated book does what it says, from its day on, and nothing else."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest

from pipeline.data.simulate import (
    CAMPAIGN,
    COLUMNS,
    DEVELOPMENT_MONTHS,
    INCIDENTS,
    RECESSION,
    RECESSION_RISE,
    RENAME,
    BookSpec,
    simulate_book,
)

OUTCOMES = ["default", "outcome_known_date", "realised_loss", "realised_interest"]
INPUTS = [column for column in COLUMNS if column not in OUTCOMES]


@pytest.fixture(scope="module")
def book() -> pd.DataFrame:
    return simulate_book(BookSpec())


@pytest.fixture(scope="module")
def calm() -> pd.DataFrame:
    return simulate_book(BookSpec().without(INCIDENTS))


def month_of(frame: pd.DataFrame) -> pd.Series:
    """Month of the book, from 1, of a book that opens in January 2024."""
    return (frame["application_date"].dt.year - 2024) * 12 + frame["application_date"].dt.month


def development(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[month_of(frame) <= DEVELOPMENT_MONTHS]


def by_id(frame: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index("application_id").loc[like["application_id"]].reset_index()


def psi(expected: pd.Series, actual: pd.Series) -> float:
    """Population stability index by reference deciles, or by value where there are few values."""
    if expected.dtype.kind not in "fi" or expected.nunique() < 15:
        labels = pd.Index(expected.astype(str).unique())
        counts = [labels.get_indexer(values.astype(str)) + 1 for values in (expected, actual)]
    else:
        edges = np.unique(np.nanquantile(expected, np.linspace(0.1, 0.9, 9)))
        counts = [np.where(v.isna(), 0, np.searchsorted(edges, v, side="right") + 1) for v in (expected, actual)]
    size = 1 + max(c.max() for c in counts)
    shares = [(np.bincount(c, minlength=size) + 0.5) / (len(c) + 0.5 * size) for c in counts]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


@pytest.mark.parametrize(
    ("name", "first_day"), [("campaign", "2025-05-01"), ("recession", "2025-07-01"), ("rename", "2025-09-01")]
)
def test_an_incident_is_dated_and_leaves_all_before_its_start_alone(name: str, first_day: str, calm: pd.DataFrame) -> None:
    assert INCIDENTS[name].start_date("2024-01") == pd.Timestamp(first_day)
    struck = simulate_book(BookSpec().without(set(INCIDENTS) - {name}))
    before, calm_before = (f[f["application_date"] < first_day] for f in (struck, calm))
    pd.testing.assert_frame_equal(before, calm_before, check_exact=True)
    assert not struck.equals(calm)


def test_the_campaign_adds_young_partner_applicants_and_moves_the_stated_columns(calm: pd.DataFrame) -> None:
    struck = simulate_book(BookSpec().without(["recession", "rename"]))
    pd.testing.assert_frame_equal(by_id(struck, calm), calm, check_exact=True, check_like=True)
    added = struck[~struck["application_id"].isin(calm["application_id"])]
    assert (added["channel"] == CAMPAIGN.channel).all()
    assert added["age"].between(18, 27).all()
    assert month_of(added).min() == CAMPAIGN.start_month
    usual = (month_of(calm) >= CAMPAIGN.start_month).sum()
    assert len(added) / usual == pytest.approx(CAMPAIGN.strength, abs=0.02)
    assert added["income"].median() < 0.8 * calm["income"].median()
    during = struck[month_of(struck) >= CAMPAIGN.start_month]
    inputs = [c for c in INPUTS if c not in ("application_id", "application_date")]
    drift = {c: psi(development(struck)[c], during[c]) for c in inputs}
    assert {c for c, value in drift.items() if value > 0.10} == set(CAMPAIGN.columns)


def test_without_incidents_nothing_drifts(calm: pd.DataFrame) -> None:
    later = calm[month_of(calm) > DEVELOPMENT_MONTHS]
    for column in INPUTS[2:]:
        assert psi(development(calm)[column], later[column]) < 0.01, column


def test_the_recession_leaves_inputs_identical_and_weakens_income(calm: pd.DataFrame) -> None:
    struck = simulate_book(BookSpec().without(["campaign", "rename"]))
    pd.testing.assert_frame_equal(struck[INPUTS], calm[INPUTS], check_exact=True)
    during = month_of(calm) >= RECESSION.start_month
    rise = struck.loc[during, "default"].mean() - calm.loc[during, "default"].mean()
    assert rise == pytest.approx(RECESSION_RISE, abs=0.008)
    rank = calm.loc[during, "income"].rank()
    slopes = {name: f.loc[during, "default"].corr(rank) for name, f in (("calm", calm), ("struck", struck))}
    assert slopes["calm"] < -0.1
    assert abs(slopes["struck"]) < 0.6 * abs(slopes["calm"])


def test_the_rename_zeroes_its_share_of_one_column_and_no_outcome(calm: pd.DataFrame) -> None:
    struck = simulate_book(BookSpec().without(["campaign", "recession"]))
    (column,) = RENAME.columns
    pd.testing.assert_frame_equal(struck.drop(columns=column), calm.drop(columns=column), check_exact=True)
    during = month_of(calm) >= RENAME.start_month
    could_change = during & (calm[column] != 0)
    changed = struck[column].ne(calm[column]) & ~(struck[column].isna() & calm[column].isna())
    assert changed[could_change].mean() == pytest.approx(RENAME.strength, abs=0.01)
    assert (struck.loc[changed, column] == 0).all()
    assert not changed[~could_change].any()
    long_away = struck["default"][during & changed].corr(np.log1p(calm.loc[during & changed, column].fillna(0)))
    assert long_away > 0.1  # the lost value still drives default


def test_incidents_together_act_as_they_do_alone(book: pd.DataFrame, calm: pd.DataFrame) -> None:
    same = by_id(book, calm)
    untouched = [c for c in INPUTS if c not in RENAME.columns]
    pd.testing.assert_frame_equal(same[untouched], calm[untouched], check_exact=True)
    alone = simulate_book(BookSpec().without(["campaign", "rename"]))
    pd.testing.assert_frame_equal(same[OUTCOMES], alone[OUTCOMES], check_exact=True)


def test_an_incident_can_be_moved_in_time() -> None:
    spec = BookSpec(n=6000, rename=replace(RENAME, start_month=5)).without(["campaign", "recession"])
    calm = simulate_book(spec.without(["rename"]))
    changed = simulate_book(spec)["days_since_last_login"].ne(calm["days_since_last_login"])
    changed &= calm["days_since_last_login"].notna()
    assert month_of(calm)[changed].min() == 5


def test_a_book_shorter_than_its_incidents_has_none() -> None:
    spec = BookSpec(n=2000, months=12, first_month="2023-06")
    book = simulate_book(spec)
    pd.testing.assert_frame_equal(book, simulate_book(spec.without(INCIDENTS)), check_exact=True)
    assert book["application_date"].between("2023-06-01", "2024-05-31").all()


# --- wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 5), ("months", 0), ("seed", -1), ("first_month", "2024-13"), ("first_month", "Jan 2024")],
)
def test_an_impossible_spec_is_refused_by_field_and_value(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{field} = .*{value}.*must be"):
        BookSpec(**{field: value})


def test_an_incident_in_the_wrong_place_or_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="campaign = incident 'rename'"):
        BookSpec(campaign=RENAME)
    with pytest.raises(ValueError, match="start_month = 0"):
        BookSpec(rename=replace(RENAME, start_month=0))
    with pytest.raises(ValueError, match=r"strength = 1\.5"):
        BookSpec(rename=replace(RENAME, strength=1.5))


def test_an_unknown_incident_is_refused_with_the_known_names() -> None:
    with pytest.raises(ValueError, match="unknown incident flood: must be among campaign, recession, rename"):
        BookSpec().without(["flood"])


def test_the_spec_is_frozen_and_without_returns_another() -> None:
    spec = BookSpec()
    assert spec.without(["campaign"]).campaign is None
    assert spec.campaign is CAMPAIGN
    with pytest.raises(FrozenInstanceError):
        spec.n = 1
