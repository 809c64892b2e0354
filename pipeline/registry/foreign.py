"""Metric names of other people's training scripts, matched to the contract's names.

A run that was not written by our contract is shown with what it has. Names that say they were measured on training rows
are never matched: a training metric beside test metrics would win every ranking.
"""

import re
from collections.abc import Mapping
from typing import Final

from pipeline.contract import TEST, VALID, metric_key

_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "accuracy": ("accuracy", "acc", "accuracy_score"),
    "precision": ("precision", "precision_score", "ppv"),
    "recall": ("recall", "recall_score", "sensitivity", "tpr"),
    "f1": ("f1", "f1_score", "fscore", "f_score"),
    "roc_auc": ("roc_auc", "auc", "roc_auc_score", "auroc", "auc_roc"),
    "pr_auc": ("pr_auc", "auprc", "average_precision", "average_precision_score", "precision_recall_auc"),
    "gini": ("gini", "gini_coefficient"),
    "ks": ("ks", "ks_stat", "ks_statistic"),
    "log_loss": ("log_loss", "logloss", "binary_logloss", "cross_entropy"),
    "brier": ("brier", "brier_score", "brier_score_loss", "brier_loss"),
    "ece": ("ece", "expected_calibration_error"),
}
_CANONICAL: Final = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings}
_SPLIT_WORDS: Final = {
    "test": TEST, "testing": TEST, "holdout": TEST,
    "valid": VALID, "val": VALID, "validation": VALID, "dev": VALID,
    "eval": "", "evaluation": "", "metrics": "",
}  # fmt: skip
"""`eval` does not say which rows, so it is kept without a split."""


def match_metric(key: str) -> str | None:
    """Return the column for a foreign metric key, or None when nothing of ours means the same.

    ``test_f1``, ``f1_score_test`` -> ``test_f1``; ``eval/f1`` and ``f1`` -> ``f1`` (which rows is not known);
    ``training_f1_score`` -> None.
    """
    words = [w for w in re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", key).lower()) if w]
    for split_at in (None, 0, -1):
        if split_at is None:
            split, rest = "", words
        elif len(words) > 1 and words[split_at] in _SPLIT_WORDS:
            split, rest = _SPLIT_WORDS[words[split_at]], words[1:] if split_at == 0 else words[:-1]
        else:
            continue
        name = _CANONICAL.get("_".join(rest))
        if name is not None:
            return metric_key(split, name) if split else name
    return None


def match_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the matched metrics only; where two spellings meet, the first in alphabetical order is kept."""
    matched: dict[str, float] = {}
    for key in sorted(metrics):
        column = match_metric(key)
        if column is not None:
            matched.setdefault(column, metrics[key])
    return matched
