"""Where things are: read from the environment once per call, never at import, so that tests and processes can differ."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Places of the mutable state. Everything lives under `home` unless an address says otherwise."""

    home: Path
    tracking_uri: str
    database_url: str

    @property
    def artifacts(self) -> Path:
        """Folder of MLflow artifacts when the tracking store is the local SQLite file."""
        return self.home / "artifacts"

    @property
    def snapshots(self) -> Path:
        """Folder of data snapshots, each a Parquet file named by its sha256."""
        return self.home / "snapshots"

    @property
    def is_local_tracking(self) -> bool:
        """True when runs are kept in the SQLite file under `home`."""
        return self.tracking_uri.startswith("sqlite:")


def load_settings() -> Settings:
    """Read RISKDECK_HOME, MLFLOW_TRACKING_URI and RISKDECK_DATABASE_URL (a secret: never logged)."""
    home = Path(os.environ.get("RISKDECK_HOME") or ".riskdeck").expanduser().resolve()
    return Settings(
        home=home,
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}",
        database_url=os.environ.get("RISKDECK_DATABASE_URL") or f"sqlite:///{home / 'riskdeck.db'}",
    )


def quiet_mlflow() -> None:
    """Before MLflow is imported: no telemetry, no progress bars of its own, no chatter. What the operator set stands."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
