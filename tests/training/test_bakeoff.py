"""No row is scored by a model that saw it, one bad candidate harms no other, and an interrupt stops everything."""

import itertools
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from pipeline.data.split import folds, split_rows
from pipeline.project import ProjectConfig
from pipeline.training import families
from pipeline.training.bakeoff import Candidate, Failed, Fitted, feature_importance, list_candidates, run_bakeoff
from tests.training.conftest import Small


class Probe(ClassifierMixin, BaseEstimator):
    """Remembers the rows it was fitted on and those it was asked about; column 0 is the row's own number, scaled."""

    seen: ClassVar[list[tuple[np.ndarray, np.ndarray]]] = []

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Probe":
        self.train_ = X[:, 0].copy()
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        Probe.seen.append((self.train_, X[:, 0].copy()))
        return np.full((len(X), 2), 0.5)


def numbered(small: Small, method: str) -> tuple[ProjectConfig, pd.DataFrame]:
    """The small project with one feature that numbers the rows in time, uncapped, and a split of the given method."""
    config = small.config
    only = next(f for f in config.features if f.name == "amount")
    changes: dict[str, Any] = {
        "features": (only,),
        "ratios": (),
        "preprocess": config.preprocess.model_copy(update={"caps": "none"}),
        "calibration": config.calibration.model_copy(update={"method": "none"}),
    }
    if method != "time":
        own = {"method": method, "test_from": None, "test_until": None}
        changes["split"] = config.split.model_copy(update=own)
    return config.model_copy(update=changes), small.frame.assign(amount=np.arange(float(len(small.frame))))


@pytest.mark.parametrize("method", ["time", "stratified", "random"])
def test_no_row_is_ever_scored_by_a_model_that_was_fitted_on_it(
    small: Small, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, frame = numbered(small, method)
    monkeypatch.setitem(families.FAMILIES, "probe", lambda *_: Probe())
    monkeypatch.setattr(Probe, "seen", [])
    split = split_rows(frame, config)
    found = run_bakeoff(config, frame, split, candidates=[Candidate("probe", {}, "probe")], n_jobs=1)[0]
    assert isinstance(found, Fitted), found
    fits = [pair for pair in Probe.seen if len(pair[1]) > 1]  # single rows measure the latency
    assert len(fits) == config.split.folds + 1
    for train, scored in fits:
        assert not set(train) & set(scored)
        if method == "time":
            assert train.max() < scored.min(), "forward chaining: the scored rows come later"
    assert set(found.valid_rows) <= set(split.dev)
    assert len(set(found.valid_rows)) == len(found.valid_rows) == len(found.valid_pd)
    expected = sum(len(valid) for _, valid in folds(frame.iloc[split.dev].reset_index(drop=True), config))
    assert len(found.valid_rows) == expected
    assert not set(found.valid_rows) & set(split.test)


def test_a_model_that_memorises_shows_no_skill_on_labels_that_are_noise(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    target = small.config.data.target
    noise = small.frame.assign(**{target: np.random.default_rng(2).permutation(small.frame[target])})
    monkeypatch.setitem(families.FAMILIES, "memory", lambda *_: KNeighborsClassifier(n_neighbors=1))
    config = small.config.model_copy(update={"calibration": small.config.calibration.model_copy(update={"method": "none"})})
    found = run_bakeoff(config, noise, small.split, candidates=[Candidate("memory", {}, "memory")], n_jobs=1)[0]
    assert isinstance(found, Fitted)
    dev = noise.iloc[small.split.dev]
    assert roc_auc_score(dev[target], found.model.predict_proba(dev)[:, 1]) == 1.0, "it does remember what it was fitted on"
    assert abs(roc_auc_score(noise[target].iloc[found.valid_rows], found.valid_pd) - 0.5) < 0.06
    assert abs(roc_auc_score(noise[target].iloc[small.split.test], found.test_pd) - 0.5) < 0.06


def test_the_model_that_comes_back_is_fitted_on_all_development_rows_and_scored_the_test_rows(small: Small) -> None:
    found = small.model("logistic C=1.0")
    again = found.model.predict_proba(small.frame.iloc[small.split.test])[:, 1]
    np.testing.assert_array_equal(again, found.test_pd)
    scaler = found.model.named_steps["columns"].named_transformers_["number"].named_steps["scale"]
    assert np.max(scaler.n_samples_seen_) == len(small.split.dev)


def test_validation_pds_are_in_the_order_of_their_rows(small: Small) -> None:
    config, frame = small.config, small.frame
    found = small.model("prior")
    assert np.all(np.diff(found.valid_rows) > 0)
    dev = frame.iloc[small.split.dev].reset_index(drop=True)
    rate = np.full(len(dev), np.nan)
    for train, valid in folds(dev, config):
        rate[valid] = dev[config.data.target].iloc[train].mean()
    np.testing.assert_allclose(found.valid_pd, rate[~np.isnan(rate)])


def test_a_candidate_that_cannot_be_fitted_is_named_with_its_reason_and_the_others_go_on(small: Small) -> None:
    failed = small.results["broken"]
    assert isinstance(failed, Failed)
    assert "max_depth" in failed.reason and "-1" in failed.reason and "\n" not in failed.reason
    assert [name for name, r in small.results.items() if isinstance(r, Failed)] == ["broken"]


class NotFinite(ClassifierMixin, BaseEstimator):
    def fit(self, X: np.ndarray, y: np.ndarray) -> "NotFinite":
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.full((len(X), 2), np.nan)


def test_a_candidate_whose_scores_cannot_be_calibrated_is_a_failed_one_too(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(families.FAMILIES, "nan", lambda *_: NotFinite())
    candidates = [Candidate("nan", {}, "nan"), Candidate("prior", {}, "prior")]
    bad, good = run_bakeoff(small.config, small.frame, small.split, candidates=candidates, n_jobs=1)
    assert isinstance(bad, Failed) and "NaN" in bad.reason
    assert isinstance(good, Fitted)


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupt_during_the_fits_is_not_swallowed(small: Small, jobs: int) -> None:
    def stop(_label: str, done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_bakeoff(small.config, small.frame, small.split, n_jobs=jobs, progress=stop)


def test_progress_counts_every_fit_once_and_ends_at_the_total(small: Small) -> None:
    moves: list[tuple[int, int]] = []
    candidates = [Candidate("prior", {}, "prior"), Candidate("logistic", {}, "logistic")]
    run_bakeoff(
        small.config, small.frame, small.split, candidates=candidates, n_jobs=2, progress=lambda _, d, t: moves.append((d, t))
    )
    total = 2 * (small.config.split.folds + 1)
    assert moves == [(i, total) for i in range(1, total + 1)]


def test_two_threads_give_the_bits_that_one_gives(small: Small) -> None:
    for found in run_bakeoff(small.config, small.frame, small.split, n_jobs=2):
        if isinstance(found, Fitted):
            one = small.model(found.candidate.name)
            np.testing.assert_array_equal(found.valid_pd, one.valid_pd)
            np.testing.assert_array_equal(found.test_pd, one.test_pd)


def test_every_combination_of_every_grid_is_a_candidate_with_a_name_of_its_own(small: Small) -> None:
    names = [c.name for c in list_candidates(small.config)]
    assert names == ["prior", "broken", "logistic C=0.01", "logistic C=1.0", "forest", "lightgbm"]
    assert list_candidates(small.config)[2].params == {"max_iter": 1000, "C": 0.01}


@pytest.mark.parametrize("name", ["logistic C=1.0", "forest", "lightgbm"])
def test_importance_is_shared_out_among_features_and_ratios(small: Small, name: str) -> None:
    table = small.model(name).importance
    assert table["importance"].sum() == pytest.approx(1.0)
    assert (table["importance"] >= 0).all()
    assert set(table["feature"]) == {*small.config.feature_names, *(r.name for r in small.config.ratios)}


def test_the_prior_has_no_important_feature(small: Small) -> None:
    assert (small.model("prior").importance["importance"] == 0).all()


def test_importance_of_several_matrix_columns_is_summed_per_feature(small: Small) -> None:
    class Linear:
        coef_ = np.array([[-3.0, 1.0, 4.0]])

    names = ["number__income", "category__housing_owner", "category__housing_tenant"]
    found = feature_importance(Linear(), names, small.config).set_index("feature")["importance"]
    assert found.to_dict() == {"income": 3 / 8, "housing": 5 / 8}


def test_times_are_measured(small: Small) -> None:
    for name, found in small.results.items():
        if isinstance(found, Fitted):
            assert min(found.latency_ms, found.fit_seconds) > 0, name


def test_the_whole_bakeoff_leaves_the_frame_as_it_was(small: Small) -> None:
    before = small.frame.copy(deep=True)
    run_bakeoff(small.config, small.frame, small.split, candidates=[Candidate("prior", {}, "prior")], n_jobs=1)
    pd.testing.assert_frame_equal(small.frame, before)
    assert all(a != b for a, b in itertools.pairwise(small.split.dev))
