"""Riskdeck's pipeline: data file to snapshot, snapshot to honest runs, runs to a released model.

`log_evaluation` is the one function offered to other people's training scripts; it is imported on first use, because
it brings MLflow with it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.training.external import log_evaluation

__all__ = ["log_evaluation"]


def __getattr__(name: str) -> Any:
    """Import `log_evaluation` when it is first asked for (PEP 562)."""
    if name == "log_evaluation":
        from pipeline.training.external import log_evaluation

        return log_evaluation
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
