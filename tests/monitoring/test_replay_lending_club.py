"""A real file, trained on until 2009 and replayed from 2010 on: loans of another length arrive, outcomes over the years."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.monitoring.outcomes import with_outcomes
from pipeline.monitoring.profiles import read_counts
from pipeline.project import read_project_text
from pipeline.store.engine import open_store
from tests.conftest import LOGISTIC_ONLY, settings_of

FIRST, LAST, AS_OF = "2010-01-01", "2010-06-30", "2013-12-31"


def run(*words: object) -> dict[str, object]:
    done = CliRunner().invoke(app, [*(str(word) for word in words), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture
def slice_of(data_folder: Path, tmp_path: Path) -> Path:
    """Every second loan."""
    table = pd.read_csv(data_folder / "lending_club_2007_2011.csv.gz", dtype=str, keep_default_na=False)
    path = tmp_path / "slice.csv"
    table.iloc[::2].to_csv(path, index=False)
    return path


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """The product with one model, so that training takes seconds."""
    text = read_project_text("lending_club")
    path = tmp_path / "lending.toml"
    path.write_text(text[: text.index("[models.prior]")].replace("roc_auc = 0.6", "roc_auc = 0.55") + LOGISTIC_ONLY)
    return path


@pytest.mark.long
def test_lending_club_is_replayed_from_2010_on_with_outcomes_as_they_came_in(
    slice_of: Path, toml: Path, migrated_home: Path
) -> None:
    run("train", toml, "--data", slice_of, "--jobs", 1)
    run("gate", toml)
    proposed = run("release", "propose", toml, "--as", "product manager", "--reason", "the only one")
    run("release", "approve", proposed["proposal"], "--as", "risk lead", "--reason", "evidence read")
    done = run("replay", toml, "--data", slice_of, "--from", FIRST, "--to", LAST, "--as-of", AS_OF)
    sent = pd.read_csv(slice_of, parse_dates=["issue_d", "last_pymnt_d"])
    sent = sent[sent["issue_d"].between(FIRST, LAST)]
    assert (done["decided"], done["refused"], done["undated"]) == (len(sent), 0, 0)
    assert len(done["months"]) == 48
    engine = open_store(settings_of(migrated_home).database_url)
    joined = with_outcomes(engine, "lending_club").astype({"applicant_id": int}).set_index("applicant_id")
    counts = read_counts(engine, "lending_club", pd.Timestamp(FIRST).date(), pd.Timestamp(LAST).date(), granularity="month",
                         features=("term",))  # fmt: skip
    engine.dispose()
    sent = sent.set_index("row_id").loc[joined.index]
    assert joined["decided_at"].dt.tz_localize(None).dt.floor("D").tolist() == sent["issue_d"].tolist()
    assert joined["amount"].tolist() == sent["loan_amnt"].tolist()
    known = sent["last_pymnt_d"].fillna(sent["issue_d"] + pd.DateOffset(months=36)) <= AS_OF
    assert joined["y"].notna().tolist() == known.tolist()
    assert joined.loc[known, "y"].tolist() == sent.loc[known, "default"].astype(float).tolist()
    returned = sent["total_rec_prncp"] + sent["total_rec_int"] + sent["recoveries"] - sent["loan_amnt"]
    assert joined.loc[known, "cash"].tolist() == pytest.approx(returned[known].tolist(), abs=0.01)
    months = counts.pivot_table(index="period", columns="bin", values="count", aggfunc="sum").fillna(0)
    assert len(months) == 6 and months.to_numpy().sum() == len(sent)
