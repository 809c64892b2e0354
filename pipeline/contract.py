"""The names a run promises its readers: tags, metric keys, artifact paths and columns.

Whatever writes a run (`pipeline.training.tracking`, `pipeline.log_evaluation`) and whatever reads one (`pipeline.registry`,
the dashboard) meets here and nowhere else. A change of meaning raises `VERSION`; readers refuse versions they do not know.
"""

from typing import Final

VERSION: Final = "1"

# --- tags -------------------------------------------------------------------------------------------------------------
PREFIX: Final = "riskdeck."
TAG_CONTRACT: Final = "riskdeck.contract"
TAG_COMPLETE: Final = "riskdeck.complete"
"""Written last, value "true"; readers show only complete runs of ours."""
TAG_KIND: Final = "riskdeck.kind"
"""KIND_BAKEOFF (the parent run) or KIND_CANDIDATE (one model)."""
TAG_PROJECT: Final = "riskdeck.project"
TAG_FAMILY: Final = "riskdeck.family"
TAG_CANDIDATE: Final = "riskdeck.candidate"
"""Readable name of the candidate inside its bake-off, e.g. ``lightgbm learning_rate=0.05``."""
TAG_BAKEOFF: Final = "riskdeck.bakeoff"
TAG_DATA_SHA256: Final = "riskdeck.data_sha256"
TAG_TEST_SHA256: Final = "riskdeck.test_sha256"
TAG_VALID_SHA256: Final = "riskdeck.valid_sha256"
TAG_GIT_COMMIT: Final = "riskdeck.git_commit"
TAG_GIT_DIRTY: Final = "riskdeck.git_dirty"
TAG_LOCK_SHA256: Final = "riskdeck.lock_sha256"
TAG_PROJECT_SHA256: Final = "riskdeck.project_sha256"
TAG_MODEL_SHA256: Final = "riskdeck.model_sha256"
TAG_SEED: Final = "riskdeck.seed"
TAG_CALIBRATION: Final = "riskdeck.calibration"
TAG_CUTOFF_RULE: Final = "riskdeck.cutoff_rule"
TAG_CHOSEN: Final = "riskdeck.chosen"
"""On the parent: run id of the candidate that won on validation. On that candidate: "true"."""
TAG_FAILED: Final = "riskdeck.failed"
"""Why a candidate failed, in one line; such a run is never complete."""

LINEAGE_TAGS: Final = (
    TAG_DATA_SHA256, TAG_TEST_SHA256, TAG_GIT_COMMIT, TAG_LOCK_SHA256, TAG_PROJECT_SHA256, TAG_MODEL_SHA256, TAG_SEED,
)  # fmt: skip
"""What a gate must find before it calls the lineage complete."""

KIND_BAKEOFF: Final = "bakeoff"
KIND_CANDIDATE: Final = "candidate"

# --- metrics ----------------------------------------------------------------------------------------------------------
VALID: Final = "valid"
TEST: Final = "test"
SPLITS: Final = (VALID, TEST)

METRICS: Final = (
    "accuracy", "precision", "recall", "f1", "roc_auc", "pr_auc", "gini", "ks", "log_loss", "brier", "ece",
)  # fmt: skip
"""Each is logged as ``{split}_{name}`` with bootstrap bounds ``{split}_{name}_lo`` and ``_hi``."""
COUNTS: Final = ("n", "defaults", "ece_floor")
"""Also logged per split, without bounds: rows, defaulters among them, and the 95th percentile of the ECE of a perfect model."""
COST: Final = "cost_per_1000"
"""Logged per split, without bounds: money lost to wrong decisions per 1,000 applications at the run's own cut-off."""
CUTOFF: Final = "cutoff"
"""Chosen on validation: decline when PD >= cut-off. A complete run without it declines nobody: MLflow cannot hold infinity."""
FIT_SECONDS: Final = "fit_seconds"
LATENCY_MS: Final = "latency_ms"
"""Median milliseconds for one applicant through the whole pipeline, measured in training."""


def metric_key(split: str, name: str, bound: str = "") -> str:
    """Return the MLflow key of a metric, e.g. ``metric_key("test", "f1", "lo") == "test_f1_lo"``."""
    return f"{split}_{name}" + (f"_{bound}" if bound else "")


# --- artifacts --------------------------------------------------------------------------------------------------------
ARTIFACT_CURVE: Final = "evaluation/curve.parquet"
ARTIFACT_HOLDOUT: Final = "evaluation/holdout.parquet"
ARTIFACT_REFERENCE: Final = "evaluation/reference.parquet"
ARTIFACT_SEGMENTS: Final = "evaluation/segments.parquet"
ARTIFACT_IMPORTANCE: Final = "evaluation/importance.parquet"
"""Columns ``feature`` (raw column or ratio) and ``importance`` (share of all, by the family's own measure)."""
ARTIFACT_PROJECT: Final = "project.toml"
ARTIFACT_CHECKS: Final = "checks.json"
ARTIFACT_MODEL_CARD: Final = "model_card.md"
ARTIFACT_MODEL: Final = "model.skops"
ARTIFACT_GATES: Final = "gates.json"
ARTIFACT_BACKGROUND: Final = "serving/background.parquet"
"""At most `BACKGROUND_ROWS` development rows, drawn at random with the run's seed: the raw feature columns as the model takes
them, without any id, and in `BACKGROUND_PD` the PD that this very model gives them. Reasons, examples and the strip of all
applicants stand on it."""
ARTIFACT_RANGES: Final = "serving/ranges.parquet"
"""Columns ``feature``, ``lowest`` and ``highest``: the known values of each number feature over all development rows."""
PINNED_ARTIFACTS: Final = (
    ARTIFACT_PROJECT, ARTIFACT_REFERENCE, ARTIFACT_HOLDOUT, ARTIFACT_BACKGROUND, ARTIFACT_RANGES,
)  # fmt: skip
"""What a version decides, explains and warns with beside its model; a proposal names the sha256 of each."""
BACKGROUND_ROWS: Final = 4000
BACKGROUND_PD: Final = "pd"

# --- columns ----------------------------------------------------------------------------------------------------------
CELLS: Final = ("tp", "fp", "fn", "tn")
"""Positive means default, predicted positive means declined: fn is a missed defaulter, fp a good customer refused."""
CURVE_COLUMNS: Final = ("split", "cutoff", *CELLS, *(f"{cell}_amount" for cell in CELLS))
"""One row per split and distinct PD, ascending, decline when PD >= cutoff; the last row of a split has cutoff = inf
(nobody declined). ``*_amount`` sums the exposure of the cell; NaN where the project names no amount column.
Where realised cash is known, four more columns ``*_cash`` sum what each cell's loans really returned net of principal."""

HOLDOUT_ID: Final = "id"
HOLDOUT_TIME: Final = "time"
HOLDOUT_Y: Final = "y"
HOLDOUT_PD: Final = "pd"
HOLDOUT_AMOUNT: Final = "amount"
HOLDOUT_CASH: Final = "cash"
HOLDOUT_COLUMNS: Final = ("split", HOLDOUT_ID, HOLDOUT_TIME, HOLDOUT_Y, HOLDOUT_PD, HOLDOUT_AMOUNT, HOLDOUT_CASH)
"""One row per scored row of validation (out of fold) and test; ``cash`` is the realised net return where known, else NaN.
Segment and protected columns follow, prefixed ``segment.`` and ``protected.``, as text."""
SEGMENT_PREFIX: Final = "segment."
PROTECTED_PREFIX: Final = "protected."

REFERENCE_COLUMNS: Final = ("feature", "kind", "bin", "label", "lower", "upper", "count")
"""One row per feature and bin of the development rows; ``kind`` is number or category; bins ``(missing)`` and ``(unseen)``
always stand last. The PD itself is the feature named by `REFERENCE_PD`."""
REFERENCE_PD: Final = "pd"
BIN_MISSING: Final = "(missing)"
BIN_UNSEEN: Final = "(unseen)"

CUSTOMARY_CUTOFF: Final = 0.5
"""What many tools cut at without asking. Only ever a baseline that a policy is measured against, never a default."""

SEGMENT_COLUMNS: Final = ("split", "column", "group", "n", "defaults", "metric", "value", "lo", "hi")

# --- decisions --------------------------------------------------------------------------------------------------------
APPROVE: Final = "approve"
REVIEW: Final = "review"
DECLINE: Final = "decline"
OUTCOMES: Final = (APPROVE, REVIEW, DECLINE)
SOURCE_FORM: Final = "form"
SOURCE_BATCH: Final = "batch"
SOURCE_HTTP: Final = "http"
SOURCE_REPLAY: Final = "replay"
SOURCES: Final = (SOURCE_FORM, SOURCE_BATCH, SOURCE_HTTP, SOURCE_REPLAY)
MAX_REASONS: Final = 4
"""About as many principal reasons as 12 CFR 1002.9 expects to be useful to the applicant."""

# --- monitoring -------------------------------------------------------------------------------------------------------
LAYER_SERVICE: Final = "service"
LAYER_DATA: Final = "data"
LAYER_MODEL: Final = "model"
LAYER_BUSINESS: Final = "business"
LAYERS: Final = (LAYER_SERVICE, LAYER_DATA, LAYER_MODEL, LAYER_BUSINESS)
MEASURES: Final = {
    # service
    "volume": LAYER_SERVICE,
    "latency_p50_ms": LAYER_SERVICE,
    "latency_p95_ms": LAYER_SERVICE,
    "latency_p99_ms": LAYER_SERVICE,
    "error_share": LAYER_SERVICE,
    "refused_share": LAYER_SERVICE,
    "shadow_disagreement": LAYER_SERVICE,
    "store_fault": LAYER_SERVICE,
    "watcher_fault": LAYER_SERVICE,
    # data
    "psi": LAYER_DATA,
    "missing": LAYER_DATA,
    "missing_rise": LAYER_DATA,
    "unseen": LAYER_DATA,
    "out_of_range": LAYER_DATA,
    "constant": LAYER_DATA,
    # model
    "pd_psi": LAYER_MODEL,
    "estimated_f1": LAYER_MODEL,
    "estimated_recall": LAYER_MODEL,
    "realised_f1": LAYER_MODEL,
    "realised_recall": LAYER_MODEL,
    "realised_auc": LAYER_MODEL,
    "auc_drop": LAYER_MODEL,
    "actual_to_expected": LAYER_MODEL,
    "calibration_p": LAYER_MODEL,
    "grades_red": LAYER_MODEL,
    # business
    "approval_rate_change": LAYER_BUSINESS,
    "expected_default_change": LAYER_BUSINESS,
    "expected_loss_change": LAYER_BUSINESS,
    "money_shortfall": LAYER_BUSINESS,
}
"""Each measure and its layer. ``*_change`` and ``*_rise`` are differences to the reference in the unit of the rate, signed;
``constant`` is 1 where a column that used to vary has one value only; ``store_fault`` counts what is wrong with store or model;
``watcher_fault`` is 1 where a watcher could not finish;
``calibration_p`` is the chance of so many defaults or more when the PDs are right; ``money_shortfall`` is promised less
realised, as a share of what was promised: net cash of loans where that is known, else money lost to wrong decisions."""
ALL_SEGMENTS: Final = ""
"""The ``segment`` under which every decision is counted; others are named by `segment_name`."""
PROFILE_DECISION: Final = "(decision)"
"""Counted like a feature, over `OUTCOMES`."""
PROFILE_GRADE: Final = "(grade)"
PROFILE_REASON: Final = "(reason)"
"""Every reason given, over the features that were named; one decision gives up to `MAX_REASONS`."""
PROFILE_SUMS: Final = "(sums)"
"""No histogram: whole-number sums over decisions, added up like counts. Bins are ``{outcome}:{sum}``, `PROFILE_SUM_BINS`."""
SUM_PD: Final = "pd_millionths"
SUM_AMOUNT: Final = "amount_hundredths"
SUM_PD_AMOUNT: Final = "pd_amount_hundredths"
"""Each row's value is rounded before it is added, so that profiles merge to the very sums of the union. A decision without an
amount adds nothing to the last two; `SUM_N_AMOUNT` counts those that have one."""
SUM_N_AMOUNT: Final = "n_amount"
PROFILE_SUM_BINS: Final = tuple(f"{o}:{s}" for o in OUTCOMES for s in (SUM_PD, SUM_AMOUNT, SUM_PD_AMOUNT, SUM_N_AMOUNT))
PROFILE_EXTRAS: Final = (PROFILE_DECISION, PROFILE_GRADE, PROFILE_REASON, PROFILE_SUMS)
"""What is counted of decisions beside the inputs and the PD (`REFERENCE_PD`)."""


def segment_name(column: str, value: str) -> str:
    """Return the name under which decisions of one group are counted, e.g. ``channel=partner``."""
    return f"{column}={value}"


# --- registry ---------------------------------------------------------------------------------------------------------
ALIAS_CHAMPION: Final = "champion"
ROUTE_OFF: Final = "off"
ROUTE_SHADOW: Final = "shadow"
ROUTE_CANARY: Final = "canary"
ROUTES: Final = (ROUTE_OFF, ROUTE_SHADOW, ROUTE_CANARY)
ALIAS_CHALLENGER: Final = "challenger"
VERSION_TAG_GATE: Final = "riskdeck.gate"
"""On a registered version: "passed"; the full result is the run's `ARTIFACT_GATES`."""
VERSION_TAG_RUN: Final = "riskdeck.run_id"
VERSION_TAG_SHA256: Final = "riskdeck.model_sha256"
