"""Tiny runs in a real MLflow store, as training and the gate leave them.

The bytes of a text file stand in for a model: registering and releasing hash the file and never load it.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from pipeline import contract

PROJECT = "taiwan"
PASSED: dict[str, Any] = {"passed": True, "rules": [{"name": "test_f1_lo", "passed": True, "value": 0.48, "limit": 0.40}]}


@dataclass(frozen=True)
class Tracking:
    """Where runs are kept, and a client to look at them with."""

    home: Path
    client: MlflowClient

    def run(
        self,
        *,
        gate: str | dict[str, Any] | None = PASSED,
        model: str | None = "model one",
        tags: dict[str, str | None] | None = None,
    ) -> str:
        """Make a complete run; None leaves an artifact or a tag out. Returns its id."""
        run_id = str(self.client.create_run(self._experiment()).info.run_id)
        content = (model or "").encode()
        all_tags = {
            contract.TAG_PROJECT: PROJECT,
            contract.TAG_MODEL_SHA256: hashlib.sha256(content).hexdigest(),
            contract.TAG_DATA_SHA256: "d" * 64,
            contract.TAG_COMPLETE: "true",
        } | (tags or {})
        for key, value in all_tags.items():
            if value is not None:
                self.client.set_tag(run_id, key, value)
        if model is not None:
            self.client.log_text(run_id, model, contract.ARTIFACT_MODEL)
        if gate is not None:
            self.client.log_text(run_id, gate if isinstance(gate, str) else json.dumps(gate), contract.ARTIFACT_GATES)
        self.client.set_terminated(run_id)
        return run_id

    def _experiment(self) -> str:
        found = self.client.get_experiment_by_name(PROJECT)
        if found is not None:
            return str(found.experiment_id)
        return str(self.client.create_experiment(PROJECT, artifact_location=(self.home / "artifacts").as_uri()))
