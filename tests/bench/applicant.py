"""What one answered applicant costs beside the bare `predict_proba` of the same pipeline, and reasons for 100,000 of them.

python -m tests.bench.applicant
"""

import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline import contract

if TYPE_CHECKING:
    from pipeline.serving.desk import Desk

BOOK_ROWS = 12_000
APPLICANTS = 200
WARM_UP = 10
REASON_ROWS = 100_000
REASON_REPEATS = 1
MODEL = """
[models.lightgbm]
family = "lightgbm"
fixed = { learning_rate = 0.05, min_child_samples = 60, subsample = 0.8, subsample_freq = 1, colsample_bytree = 0.5, \
reg_lambda = 5.0, n_estimators = 200, num_leaves = 15 }
"""


@dataclass(frozen=True)
class Costs:
    """Seconds, one value per applicant or repeat."""

    answered: Sequence[float]
    """Validated, scored, given reasons and durably recorded in SQLite."""
    bare: Sequence[float]
    reasons: Sequence[float]
    contributions: Sequence[float]

    def rows(self) -> list[tuple[str, Sequence[float], Sequence[float], str, str]]:
        """What was measured, ours, theirs, the alternative, what must be."""
        return [
            (
                "one declined applicant, LightGBM: validate, score, reasons, durable record",
                self.answered,
                self.bare,
                "bare `predict_proba` of the same pipeline on one row",
                "0.25 x or more (under 4 times as long), under 0.06 s",
            ),
            (
                f"reasons for {REASON_ROWS:,} declined applicants, LightGBM",
                self.reasons,
                self.contributions,
                "bare `pred_contrib` of the same matrix, one thread",
                "under 90 s",
            ),
        ]


def measure() -> Costs:
    """Train and release the simulated product's largest LightGBM, then answer applicants whom it does not approve."""
    from pipeline.data.clean import clean_table

    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as folder:
        home = Path(folder)
        desk = released_desk(home)
        live = desk.pair().champion
        table = clean_table(pd.read_parquet(home / "book.parquet"), live.config, live.config.feature_names)
        refused = table[live.model.predict_proba(table)[:, 1] >= live.policy.approve_below].reset_index(drop=True)
        answered, bare = answer_each(desk, refused.head(APPLICANTS + WARM_UP))
        reasons, contributions = explain_many(desk, refused, REASON_ROWS)
        desk.engine.dispose()
    return Costs(answered, bare, reasons, contributions)


def answer_each(desk: "Desk", table: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Seconds per applicant, ours and bare in turn."""
    from pipeline.serving.decision_log import record
    from pipeline.serving.records import Application
    from pipeline.serving.scorer import decide, inputs_frame

    def answer(raw: dict[str, Any], name: str) -> None:
        started = time.perf_counter()
        pair = desk.pair()
        values, faults = pair.champion.rules.check(raw)
        assert not faults, faults
        (decision,) = record(desk.engine, decide(pair, [Application(values, name)], contract.SOURCE_HTTP, started=started))
        assert decision.reasons

    live = desk.pair().champion
    ours, theirs = [], []
    for i, raw in enumerate(as_sent(live.config, table)):
        frame = inputs_frame(live.config, [live.rules.check(raw)[0]])
        theirs.append(timed(lambda frame=frame: live.model.predict_proba(frame)))
        ours.append(timed(lambda raw=raw, i=i: answer(raw, f"applicant-{i}")))
    return ours[WARM_UP:], theirs[WARM_UP:]


def explain_many(desk: "Desk", table: pd.DataFrame, n: int) -> tuple[list[float], list[float]]:
    """Seconds for the reasons of n applicants, drawn again and again from the table, and for LightGBM's contributions alone."""
    live = desk.pair().champion
    frame = table.iloc[np.arange(n) % len(table)].reset_index(drop=True)
    pds = live.model.predict_proba(frame)[:, 1]
    X = live.model[:-1].transform(frame)
    booster = live.model[-1].estimator.booster_
    ours, theirs = [], []
    for _ in range(REASON_REPEATS):
        theirs.append(timed(lambda: booster.predict(X, pred_contrib=True, num_threads=1)))
        ours.append(timed(lambda: live.reasoner.principal(frame, pds)))
    return ours, theirs


def as_sent(config: Any, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as a caller's JSON has them."""
    kinds = {feature.name: feature.kind for feature in config.features}

    def sent(name: str, value: Any) -> Any:
        if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
            return None
        return bool(value) if kinds[name] == "boolean" else value

    return [{name: sent(name, value) for name, value in row.items()} for row in table.to_dict("records")]


def timed(act: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def released_desk(home: Path) -> "Desk":
    """Train, gate, propose and approve as people do, and open the desk of what is live then."""
    from pipeline.data.simulate import BookSpec, simulate_book
    from pipeline.project import open_project
    from pipeline.registry import releases
    from pipeline.serving.desk import Desk
    from pipeline.store.engine import open_store
    from pipeline.training.job import train
    from tests.conftest import settings_of, small_text
    from tests.serving.conftest import PROJECT, propose_run

    settings = settings_of(home)
    os.environ["RISKDECK_HOME"] = str(home)
    (home / "small.toml").write_text(small_text(MODEL), encoding="utf-8")
    simulate_book(BookSpec(n=BOOK_ROWS).without(["campaign", "recession", "rename"])).to_parquet(home / "book.parquet")
    done = train(open_project(str(home / "small.toml")), settings, home / "book.parquet", n_jobs=-1)
    engine = open_store(settings.database_url)
    proposal = propose_run(engine, home, str(done.outcomes[0].run_id))
    releases.approve(engine, proposal.seq, actor="risk-lead", reason="measured, not lent")
    return Desk(settings, engine, PROJECT)


if __name__ == "__main__":
    for what, ours, theirs, alternative, must in measure().rows():
        mine, bare = statistics.median(ours), statistics.median(theirs)
        print(f"{what}: {mine:.4g} s, {alternative}: {bare:.4g} s, {bare / mine:.2f} x ({must})", file=sys.stdout)
