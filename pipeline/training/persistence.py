"""Models to bytes and back with skops, never pickle; a model is read only with our own list of trusted types."""

import hashlib
from typing import Any, Final
from zipfile import BadZipFile

import skops.io
from sklearn.pipeline import Pipeline

TRUSTED: Final = (
    "pipeline.training.calibration.CalibratedPD",
    "pipeline.training.calibration.Calibrator",
    "pipeline.training.features.Caps",
    "pipeline.training.features.RawColumns",
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
)
"""Every type beyond skops' own defaults that a model of ours contains. A file that holds any other is refused."""


class ModelError(ValueError):
    """A model file that must not be used."""


def dump_model(model: Pipeline) -> bytes:
    """Return the model as bytes of the skops format."""
    return bytes(skops.io.dumps(model))


def load_model(content: bytes, sha256: str) -> Pipeline:
    """Read a model whose bytes hash to `sha256`; ModelError when they do not, or when it holds an untrusted type."""
    actual = model_sha256(content)
    if actual != sha256:
        raise ModelError(f"the model's bytes hash to {actual}, but {sha256} was approved; it is not loaded")
    try:
        unknown = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
    except (BadZipFile, KeyError, TypeError, ValueError) as exc:  # a pickle, or a file that skops did not write
        raise ModelError(f"the model is not a skops file ({exc}); it is not loaded") from exc
    if unknown:
        raise ModelError(f"the model holds types that are not trusted: {', '.join(unknown)}; it is not loaded")
    model: Any = skops.io.loads(content, trusted=list(TRUSTED))
    return model


def model_sha256(content: bytes) -> str:
    """Hash of a model's bytes, the identity that an approval names."""
    return hashlib.sha256(content).hexdigest()
