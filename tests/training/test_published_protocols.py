"""Published results on public data, reproduced by the shipped code and TOML alone.

Two of the three files may not be shipped: they are looked for in RISKDECK_DATA_DIR, and tests say so where they are skipped.
"""

from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from pipeline import contract as c
from pipeline.data.check import check_table, clean_table
from pipeline.data.intake import read_data
from pipeline.data.read import read_table
from pipeline.data.split import split_rows
from pipeline.project import ProjectError, open_project, parse_project, read_project_text
from pipeline.training.bakeoff import Fitted, list_candidates, run_bakeoff
from pipeline.training.job import Outcome, choose, measure

HERE = Path(__file__).parent


def fitted(name: str, data: Path | None, only: tuple[str, ...] = ()) -> dict[str, tuple[Fitted, pd.Series]]:
    """Each candidate of a project, with the outcomes of the test rows."""
    project = open_project(name)
    raw, _, _ = read_data(project, data)
    assert check_table(raw, project.config).passed
    frame = clean_table(raw, project.config)
    split = split_rows(frame, project.config)
    candidates = [x for x in list_candidates(project.config) if not only or x.name in only]
    y = frame[project.config.data.target].iloc[split.test]
    results = run_bakeoff(project.config, frame, split, candidates=candidates)
    return {r.candidate.name: (r, y) for r in results if isinstance(r, Fitted)}


def test_the_loan_file_gives_the_articles_f1_and_confusion_matrix(data_folder: Path) -> None:
    only = ("logistic C=10.0", "lightgbm learning_rate=0.05", "forest max_depth=10")
    found = fitted("loan_data", data_folder / "loan_data.csv.gz", only)
    f1 = {name: f1_score(y, r.test_pd >= 0.5) for name, (r, y) in found.items()}
    assert f1 == {
        "logistic C=10.0": pytest.approx(0.9986, abs=5e-4),
        "forest max_depth=10": pytest.approx(0.9794, abs=5e-4),
        "lightgbm learning_rate=0.05": pytest.approx(0.9905, abs=5e-4),
    }
    r, y = found["logistic C=10.0"]
    table = pd.crosstab(y.to_numpy(), r.test_pd >= 0.5)
    assert table.to_numpy().tolist() == [[1630, 0], [1, 369]]


def test_the_articles_protocol_stands_in_the_toml_and_has_its_eleven_candidates() -> None:
    config = open_project("loan_data").config
    assert (config.cutoff.value, config.calibration.method) == (0.5, "none")
    assert len([x for x in list_candidates(config) if x.family != "prior"]) == 11


def test_taiwan_by_the_published_protocol_gives_the_published_aucs() -> None:
    found = fitted(str(HERE / "taiwan_published.toml"), None)
    auc = {name: roc_auc_score(y, r.test_pd) for name, (r, y) in found.items()}
    assert auc == {"logistic": pytest.approx(0.7232, abs=5e-4), "lightgbm": pytest.approx(0.7778, abs=5e-4)}


def chosen_auc(name: str, data: Path | None) -> tuple[str, float]:
    """Choose on validation as the job does; return the winner's name and its AUC on test."""
    project = open_project(name)
    raw, _, _ = read_data(project, data)
    frame = clean_table(raw, project.config)
    split = split_rows(frame, project.config)
    outcomes = []
    for r in run_bakeoff(project.config, frame, split):
        assert isinstance(r, Fitted), r
        metrics = measure(project.config, frame, split, r).metrics
        outcomes.append(Outcome(r.candidate.name, r.candidate.family, r.candidate.name, metrics))
    best = choose(tuple(outcomes), project.config.cutoff.choose_by)
    return best.name, best.metrics[c.metric_key(c.TEST, "roc_auc")]


@pytest.mark.long
def test_the_shipped_taiwan_grid_chooses_a_model_with_a_test_auc_of_78_or_more() -> None:
    name, auc = chosen_auc("taiwan", None)
    assert auc >= 0.780, (name, auc)


@pytest.mark.long
def test_lending_clubs_chosen_model_has_the_modest_auc_that_application_fields_allow(data_folder: Path) -> None:
    name, auc = chosen_auc("lending_club", data_folder / "lending_club_2007_2011.csv.gz")
    assert 0.60 <= auc <= 0.65, (name, auc)


LEAKS = (
    "total_pymnt", "total_pymnt_inv", "total_rec_prncp", "total_rec_int", "total_rec_late_fee", "recoveries",
    "collection_recovery_fee", "last_pymnt_d", "last_pymnt_amnt", "last_credit_pull_d", "loan_status", "funded_amnt_inv",
    "grade", "sub_grade", "int_rate", "installment", "settlement_amount", "debt_settlement_flag",
)  # fmt: skip


@pytest.mark.parametrize("column", LEAKS)
def test_a_lending_club_leak_declared_as_a_feature_is_refused_by_name(column: str) -> None:
    feature = f'[[features]]\nname = "{column}"\nkind = "number"\nlabel = "Leak"\n\n[split]'
    with pytest.raises(ProjectError, match=f"'{column}' is the target or listed under data.never"):
        parse_project(read_project_text("lending_club").replace("[split]", feature, 1))


def test_every_later_column_of_the_lending_club_file_is_refused_as_a_feature(data_folder: Path) -> None:
    config = open_project("lending_club").config
    columns = read_table(data_folder / "lending_club_2007_2011.csv.gz").frame.columns
    later = (
        "total_pymnt",
        "total_rec_",
        "recover",
        "collection_",
        "last_",
        "settlement",
        "debt_settlement",
        "loan_status",
        "funded",
    )
    leaks = [column for column in columns if column.startswith(later)]
    assert len(leaks) >= 10
    assert [column for column in leaks if not config.data.is_never(column)] == []
