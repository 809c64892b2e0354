"""Decisions as columns: their JSON texts read in bulk."""

import io
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pandas import DataFrame, Series
from pyarrow import json as arrow_json

from pipeline import contract
from pipeline.evaluation.inputs import IntArray
from pipeline.project import Feature

DAY: Final = "(day)"
"""Column of the day, ISO text; the brackets keep it apart from features of that name."""
REASONS: Final = "(reasons)"
"""Column of the reasons, JSON text as the log keeps it."""
NO_REASONS: Final = "[]"


def decision_frame(
    features: Sequence[Feature], inputs: Sequence[str], days: Sequence[str], pds: Sequence[float], outcomes: Sequence[str],
    grades: Sequence[str | None], reasons: Sequence[str],
) -> DataFrame:  # fmt: skip
    """Lay n decisions out as `profile_counts.count_decisions` takes them; inputs: n JSON texts."""
    texts: dict[str, Sequence[Any]] = {
        DAY: days, contract.PROFILE_DECISION: outcomes, contract.PROFILE_GRADE: grades, REASONS: reasons,
    }  # fmt: skip
    columns = inputs_columns(features, inputs)
    columns |= {name: Series(values, dtype=object) for name, values in texts.items()}
    columns[contract.REFERENCE_PD] = np.array(pds, dtype=np.float64)
    return DataFrame(columns, copy=False)


def inputs_columns(features: Sequence[Feature], texts: Sequence[str]) -> dict[str, Any]:
    """Read inputs, a JSON text each, into a column per feature; what a decision lacks is missing.

    Arrow reads them several times faster than Python; what is not of its feature's kind, and must be counted as such, Python
    reads.
    """
    try:
        table = _read_by_arrow(features, texts)
    except pa.ArrowInvalid:
        rows = json.loads(f"[{','.join(texts)}]")
        return {feature.name: _column(feature, [row.get(feature.name) for row in rows]) for feature in features}
    return {feature.name: table[feature.name].to_pandas() for feature in features}


def _read_by_arrow(features: Sequence[Feature], texts: Sequence[str]) -> Any:
    schema = pa.schema([(f.name, pa.string() if f.kind == "category" else pa.float64()) for f in features])
    parse = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    content = "\n".join(texts).encode()
    # One block: a row never lies across two.
    read = arrow_json.ReadOptions(use_threads=False, block_size=len(content) + 1)
    return arrow_json.read_json(io.BytesIO(content), read, parse)


def _column(feature: Feature, values: list[Any]) -> Any:
    if feature.kind != "category":
        try:
            return np.array(values, dtype=np.float64)
        except (TypeError, ValueError):
            pass  # something that is no number
    return Series(values, dtype=object)


def reason_rows(texts: "Series[Any]") -> tuple[IntArray, list[str]]:
    """Return the place of the decision and the feature of every reason given."""
    places = np.flatnonzero((texts != NO_REASONS).to_numpy(dtype=np.bool_))
    documents = json.loads(f"[{','.join(texts.to_numpy(dtype=object)[places])}]")
    named = [reason["feature"] for reasons in documents for reason in reasons]
    return np.repeat(places, [len(reasons) for reasons in documents]).astype(np.int64), named
