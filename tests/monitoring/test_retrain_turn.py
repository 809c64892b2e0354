"""Two retrainings of one product never run at once, on either database; those of two products do."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipeline.monitoring.retrain_rows import RetrainError
from pipeline.monitoring.retrain_turn import only_one
from tests.conftest import settings_of

pytest_plugins = ["tests.store.fixtures"]


def test_one_at_a_time_by_product_and_the_turn_is_given_back_however_it_ends(store: Engine, tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with pytest.raises(KeyError), only_one(settings, store, "cards"):
        with (
            pytest.raises(RetrainError, match="cards is being retrained by another process"),
            only_one(settings, store, "cards"),
        ):
            pytest.fail("two at once")
        with only_one(settings, store, "loans"):
            raise KeyError
    with only_one(settings, store, "cards"):
        pass


def test_a_folder_that_cannot_be_written_is_named(sqlite_store: Engine, tmp_path: Path) -> None:
    (tmp_path / "retrain-cards.lock").mkdir()
    with (
        pytest.raises(RetrainError, match=r"retrain-cards\.lock: cannot be used as lock"),
        only_one(settings_of(tmp_path), sqlite_store, "cards"),
    ):
        pytest.fail("there is nothing to hold")
