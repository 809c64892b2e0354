"""A model comes back to the last bit, or not at all: other bytes, other types and pickles are refused and nothing runs."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from pipeline.training.persistence import TRUSTED, ModelError, dump_model, load_model, model_sha256
from tests.training.conftest import Small


@pytest.mark.parametrize("name", ["prior", "logistic C=0.01", "forest", "lightgbm"])
def test_a_model_of_each_family_comes_back_to_the_last_bit(small: Small, name: str) -> None:
    model = small.model(name).model
    content = dump_model(model)
    again = load_model(content, model_sha256(content))
    rows = small.frame.iloc[small.split.test]
    np.testing.assert_array_equal(again.predict_proba(rows), model.predict_proba(rows))


@pytest.mark.parametrize("name", ["prior", "logistic C=0.01", "forest", "lightgbm"])
def test_our_models_hold_no_type_beyond_the_list(small: Small, name: str) -> None:
    assert set(skops.io.get_untrusted_types(data=dump_model(small.model(name).model))) <= set(TRUSTED)


def test_bytes_other_than_the_approved_ones_are_refused(small: Small) -> None:
    content = dump_model(small.model("prior").model)
    with pytest.raises(ModelError, match=r"hash to [0-9a-f]{64}, but 0{64} was approved"):
        load_model(content, "0" * 64)
    with pytest.raises(ModelError, match="was approved"):
        load_model(content + b" ", model_sha256(content))


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


class SkopsBomb:
    """Touches a file when its state is set, which is what skops does with a type it was told to trust."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __setstate__(self, state: dict[str, Any]) -> None:
        Path(state["path"]).touch()


def test_a_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    content = pickle.dumps(Bomb(tmp_path / "ran"))
    with pytest.raises(ModelError, match="not a skops file"):
        load_model(content, model_sha256(content))
    assert not (tmp_path / "ran").exists()
    pickle.loads(content)
    assert (tmp_path / "ran").exists(), "the bomb is a live one"


def test_an_untrusted_type_in_a_skops_file_is_named_refused_and_not_executed(tmp_path: Path) -> None:
    content = skops.io.dumps(SkopsBomb(str(tmp_path / "ran")))
    with pytest.raises(ModelError, match=r"not trusted: .*SkopsBomb; it is not loaded"):
        load_model(content, model_sha256(content))
    assert not (tmp_path / "ran").exists()
    skops.io.loads(content, trusted=skops.io.get_untrusted_types(data=content))
    assert (tmp_path / "ran").exists(), "the bomb is a live one"


def test_a_step_that_calls_any_function_is_refused() -> None:
    content = skops.io.dumps(Pipeline([("call", FunctionTransformer(Path.unlink))]))
    with pytest.raises(ModelError, match=r"not trusted: .*unlink"):
        load_model(content, model_sha256(content))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"model one"])
def test_rubbish_is_refused_in_plain_words(content: bytes) -> None:
    with pytest.raises(ModelError, match="not a skops file"):
        load_model(content, model_sha256(content))
