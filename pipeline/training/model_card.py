"""The model card: what a model is, what it was trained on, how good it is and where it must not be used. Markdown."""

import math
from collections.abc import Mapping

import pandas as pd

from pipeline import contract
from pipeline.data.split import Split
from pipeline.project import ProjectConfig
from pipeline.training.bakeoff import Fitted

_SHOWN = ("recall", "precision", "f1", "roc_auc", "pr_auc", "brier", "ece")


def model_card(
    config: ProjectConfig, fitted: Fitted, metrics: Mapping[str, float], split: Split, tags: Mapping[str, str]
) -> str:
    """Return the card of one candidate; every number in it is one that the run logs."""
    candidate = fitted.candidate
    lines = [
        f"# {config.project.title}: {candidate.name}",
        "",
        f"{config.project.description} {_source(config)}".strip(),
        "",
        f"- Family: {candidate.family}; parameters: {candidate.params or 'none'}",
        f"- {_rule(metrics[contract.CUTOFF])}, chosen on validation ({config.cutoff.rule})",
        f"- Calibration: {tags[contract.TAG_CALIBRATION]}; development rows {len(split.dev):,}, test rows {len(split.test):,}",
        f"- Data {tags[contract.TAG_DATA_SHA256][:12]}, test rows {tags[contract.TAG_TEST_SHA256][:12]}, "
        f"commit {tags[contract.TAG_GIT_COMMIT][:12] or 'unknown'}",
        "",
        "| metric | validation (chosen on) | test (reported) |",
        "|---|---|---|",
        *(f"| {name} | {_interval(metrics, 'valid', name)} | {_interval(metrics, 'test', name)} |" for name in _SHOWN),
        "",
        "## Inputs that matter most",
        "",
        *_top_inputs(fitted.importance),
        "",
        "## Limits",
        "",
        f"- Protected columns are not inputs: {', '.join(config.protected.columns) or 'none declared'}.",
        "- Intervals are 95 % bootstrap intervals of sampling error on these rows; they say nothing of other times or markets.",
        "- Outcomes are those of loans that were granted; nothing is known of applicants who were refused.",
        *_unripe(split),
    ]
    return "\n".join(lines) + "\n"


def _source(config: ProjectConfig) -> str:
    return f"Source: {config.project.source}." if config.project.source else ""


def _interval(metrics: Mapping[str, float], split: str, name: str) -> str:
    value, low, high = (metrics.get(contract.metric_key(split, name, bound)) for bound in ("", "lo", "hi"))
    if value is None or low is None or high is None or math.isnan(value):
        return "not computable"
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _rule(cutoff: float) -> str:
    return f"Declines when PD >= {cutoff:.4f}" if math.isfinite(cutoff) else "Declines nobody"


def _top_inputs(importance: pd.DataFrame) -> list[str]:
    top = importance[importance["importance"] > 0].nlargest(8, "importance")
    return [f"- {name}: {share:.1%}" for name, share in zip(top["feature"], top["importance"], strict=True)] or ["- none"]


def _unripe(split: Split) -> list[str]:
    if not split.n_unripe:
        return []
    return [f"- {split.n_unripe:,} development rows had outcomes that became known only after the test period began."]
