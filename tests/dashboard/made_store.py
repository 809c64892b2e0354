"""A small tracking store whose runs keep the contract, made in seconds, for tests of readers and pages."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from pipeline import contract as c
from pipeline.project import read_project_text

PROJECT = "taiwan"
NASTY = "<img src=x onerror=alert(1)> **bold** [l](javascript:alert(1)) $x$"


@dataclass(frozen=True)
class Store:
    """Where the store is and which run is which."""

    home: Path
    uri: str
    best: str
    close: str
    failed: str
    foreign: str
    running: str


def client_of(home: Path) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri_of(home))


def uri_of(home: Path) -> str:
    return f"sqlite:///{home / 'mlflow.db'}"


def experiment(client: Any, home: Path, name: str = PROJECT) -> str:
    return str(client.create_experiment(name, artifact_location=(home / "artifacts").as_uri()))


def scored(noise: float, seed: int = 3, n: int = 1200) -> pd.DataFrame:
    """Holdout rows of both splits whose PD is informative in the measure that `noise` is small; the same y for each seed."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(-1.5, 1.2, 2 * n)
    y = (rng.random(2 * n) < 1 / (1 + np.exp(-risk))).astype(int)
    pd_ = 1 / (1 + np.exp(-(risk + np.random.default_rng(seed + 1).normal(0, noise, 2 * n))))
    return pd.DataFrame(
        {
            "split": np.repeat(["valid", "test"], n),
            "id": [f"row-{i}" for i in range(2 * n)],
            "time": pd.NaT,
            "y": y,
            "pd": np.round(pd_, 4),
            "amount": np.round(rng.gamma(4, 2500, 2 * n)),
            "cash": np.nan,
            "segment.EDUCATION": rng.choice(["1", "2", "3"], 2 * n),
        }
    )


def curve_of(rows: pd.DataFrame) -> pd.DataFrame:
    """The contract's curve by the plainest route: one row per distinct PD, decline at or above it."""
    tables = []
    for split, part in rows.groupby("split", sort=False):
        cutoffs = np.append(np.unique(part["pd"]), np.inf)
        declined = part["pd"].to_numpy()[None, :] >= cutoffs[:, None]
        bad = part["y"].to_numpy()[None, :] == 1
        amount = part["amount"].to_numpy()
        masks = {"tp": declined & bad, "fp": declined & ~bad, "fn": ~declined & bad, "tn": ~declined & ~bad}
        counts = {name: mask.sum(axis=1) for name, mask in masks.items()}
        amounts = {f"{name}_amount": mask @ amount for name, mask in masks.items()}
        tables.append(pd.DataFrame({"split": split, "cutoff": cutoffs, **counts, **amounts}))
    return pd.concat(tables, ignore_index=True)


def metrics_of(rows: pd.DataFrame, cutoff: float) -> dict[str, float]:
    found: dict[str, float] = {c.CUTOFF: cutoff, c.FIT_SECONDS: 1.5, c.LATENCY_MS: 2.5}
    for split, part in rows.groupby("split"):
        declined = (part["pd"] >= cutoff).astype(int)
        auc = roc_auc_score(part["y"], part["pd"])
        wrong = {"fn": ((part["y"] == 1) & (declined == 0)).sum(), "fp": ((part["y"] == 0) & (declined == 1)).sum()}
        found |= {f"{split}_n": len(part), f"{split}_defaults": int(part["y"].sum()), f"{split}_ece_floor": 0.01}
        found[c.metric_key(str(split), c.COST)] = 1000 * (75000 * wrong["fn"] + 15000 * wrong["fp"]) / len(part)
        values = {
            "recall": recall_score(part["y"], declined),
            "precision": precision_score(part["y"], declined, zero_division=0.0),
            "f1": f1_score(part["y"], declined),
            "accuracy": float((part["y"] == declined).mean()),
            "roc_auc": auc,
            "gini": 2 * auc - 1,
            "brier": float(((part["y"] - part["pd"]) ** 2).mean()),
        }
        for name, value in values.items():
            half = 1.96 * math.sqrt(0.25 / len(part))
            for bound, number in (("", value), ("lo", value - half), ("hi", value + half)):
                found[c.metric_key(str(split), name, bound)] = float(number)
    return found


def segments_of(rows: pd.DataFrame) -> pd.DataFrame:
    out = []
    for (split, group), part in rows.groupby(["split", "segment.EDUCATION"]):
        values = {"roc_auc": roc_auc_score(part["y"], part["pd"]), "recall": recall_score(part["y"], part["pd"] >= 0.1667)}
        head = (split, "EDUCATION", group, len(part), int(part["y"].sum()))
        out += [(*head, name, value, value - 0.05, value + 0.05) for name, value in values.items()]
    return pd.DataFrame(out, columns=list(c.SEGMENT_COLUMNS))


def log_run(
    client: Any,
    experiment_id: str,
    folder: Path,
    name: str,
    rows: pd.DataFrame,
    *,
    parent: str = "",
    tags: dict[str, str] | None = None,
) -> str:
    """Log one complete candidate by the contract; the completion tag is the last act."""
    run = client.create_run(
        experiment_id,
        run_name=name,
        tags={
            c.TAG_CONTRACT: c.VERSION, c.TAG_KIND: c.KIND_CANDIDATE, c.TAG_PROJECT: PROJECT, c.TAG_FAMILY: name.split()[0],
            c.TAG_CANDIDATE: name, c.TAG_BAKEOFF: "b1", c.TAG_TEST_SHA256: "a" * 64, c.TAG_VALID_SHA256: "b" * 64,
            c.TAG_DATA_SHA256: "c" * 64, c.TAG_GIT_COMMIT: "d" * 40, c.TAG_LOCK_SHA256: "e" * 64, c.TAG_SEED: "42",
            c.TAG_CUTOFF_RULE: "cost", "mlflow.parentRunId": parent, **(tags or {}),
        },
    )  # fmt: skip
    run_id = str(run.info.run_id)
    for key, value in metrics_of(rows, 0.1667).items():
        client.log_metric(run_id, key, value)
    client.log_param(run_id, "learning_rate", "0.05")
    (folder / "evaluation").mkdir(parents=True, exist_ok=True)
    curve_of(rows).to_parquet(folder / c.ARTIFACT_CURVE)
    rows.to_parquet(folder / c.ARTIFACT_HOLDOUT)
    segments_of(rows).to_parquet(folder / c.ARTIFACT_SEGMENTS)
    pd.DataFrame({"feature": ["PAY_0", "LIMIT_BAL"], "importance": [0.06, 0.02]}).to_parquet(folder / c.ARTIFACT_IMPORTANCE)
    (folder / c.ARTIFACT_PROJECT).write_text(read_project_text(PROJECT), encoding="utf-8")
    (folder / c.ARTIFACT_CHECKS).write_text(json.dumps({"findings": []}), encoding="utf-8")
    (folder / c.ARTIFACT_MODEL_CARD).write_text(f"# {name}\n\nMade for tests.\n", encoding="utf-8")
    client.log_artifacts(run_id, str(folder))
    client.set_tag(run_id, c.TAG_COMPLETE, "true")
    client.set_terminated(run_id, "FINISHED")
    return run_id


def log_foreign(client: Any, experiment_id: str, name: str = NASTY) -> str:
    run_id = str(client.create_run(experiment_id, run_name=name, tags={"author": "<b>x</b>"}).info.run_id)
    for key, value in (("test_f1", 0.51), ("eval/recall", 0.6), ("training_roc_auc", 0.99)):
        client.log_metric(run_id, key, value)
    client.set_terminated(run_id, "FINISHED")
    return run_id


def log_failed(client: Any, experiment_id: str, parent: str, reason: str) -> str:
    tags = {
        c.TAG_CONTRACT: c.VERSION, c.TAG_KIND: c.KIND_CANDIDATE, c.TAG_CANDIDATE: "forest depth=-1", c.TAG_FAMILY: "forest",
        c.TAG_BAKEOFF: "b1", c.TAG_FAILED: reason, "mlflow.parentRunId": parent,
    }  # fmt: skip
    run_id = str(client.create_run(experiment_id, run_name="forest depth=-1", tags=tags).info.run_id)
    client.set_terminated(run_id, "FAILED")
    return run_id


def make_store(home: Path) -> Store:
    """Fill a store with one bake-off of two close candidates and one failure, an interrupted run and a foreign one."""
    client = client_of(home)
    eid = experiment(client, home)
    parent_tags = {c.TAG_CONTRACT: c.VERSION, c.TAG_KIND: c.KIND_BAKEOFF, c.TAG_BAKEOFF: "b1"}
    parent = str(client.create_run(eid, run_name="bake-off b1", tags=parent_tags).info.run_id)
    best = log_run(
        client, eid, home / "w1", "lightgbm learning_rate=0.05", scored(0.3), parent=parent, tags={c.TAG_CHOSEN: "true"}
    )
    close = log_run(client, eid, home / "w2", "logistic C=1", scored(0.35), parent=parent)
    failed = log_failed(client, eid, parent, "ValueError: max_depth must be 1 or more, not -1")
    client.set_tag(parent, c.TAG_CHOSEN, best)
    client.set_tag(parent, c.TAG_COMPLETE, "true")
    client.set_terminated(parent, "FINISHED")
    running = str(client.create_run(eid, run_name="lightgbm stopped", tags={c.TAG_CONTRACT: c.VERSION}).info.run_id)
    foreign = log_foreign(client, eid)
    return Store(home, uri_of(home), best, close, failed, foreign, running)
