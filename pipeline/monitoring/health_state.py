"""What is wrong with the store or the model right now: revision, durability, ledger, alias, and the model's very bytes."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Engine, text

from pipeline import contract
from pipeline.monitoring.health_reads import NOT_READ, last_decision
from pipeline.monitoring.profiles_read import is_behind
from pipeline.registry import ledger
from pipeline.registry.ledger import Live
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.settings import Settings
from pipeline.store.engine import HEAD, StoreError, require_durable
from pipeline.store.plain_errors import plain_store_errors

STORE: Final = "store"
LEDGER: Final = "ledger"
ALIAS: Final = "alias"
MODEL: Final = "model file"
SUBJECTS: Final = (STORE, LEDGER, ALIAS, MODEL)
"""What can be wrong, each looked at on its own."""
_NAMES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Finding:
    """One look: ``fault`` says what is wrong, ``unknown`` why nobody can tell, ``detail`` what was seen when all is well."""

    subject: str
    fault: str = ""
    unknown: str = ""
    detail: str = ""


@dataclass(frozen=True)
class StoreState:
    """The store that decisions stand in."""

    finding: Finding
    kind: str
    revision: str
    uncounted: int
    """Decisions that the profiles have not counted yet."""
    last_decision: datetime | None


def store_state(engine: Engine, project: str) -> StoreState:
    """Look at the store. Raises StoreError when it does not answer at all."""
    with plain_store_errors(NOT_READ):
        return _store_state(engine, project)


def _store_state(engine: Engine, project: str) -> StoreState:
    with engine.connect() as connection:
        revision = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())
        try:
            require_durable(connection)
            fault = ""
        except StoreError as error:
            fault = str(error)
    if revision != HEAD:
        fault = f"the tables are of revision {revision}, this Riskdeck writes {HEAD}; open the store with one version only"
    kind = _NAMES[engine.dialect.name]
    finding = Finding(STORE, fault, detail=f"{kind}, tables of revision {revision}, every record is on disk when it is shown")
    return StoreState(finding, kind, revision, is_behind(engine, project), last_decision(engine, project))


def model_findings(settings: Settings, engine: Engine, project: str) -> tuple[Finding, ...]:
    """Look at the ledger's chain, at MLflow's alias, and at the bytes of the live model; no model is loaded.

    Where nothing is live there is nothing to look at. What MLflow does not answer is unknown, not wrong.
    """
    broken = ledger.verify(engine, project)
    live = None if broken else ledger.live_at(engine, project)
    chain = Finding(LEDGER, broken[0] if broken else "", detail="the chain of the ledger is whole")
    if live is None:
        reason = "what the ledger says is not to be trusted" if broken else "nothing is live"
        return chain, Finding(ALIAS, unknown=reason), Finding(MODEL, unknown=reason)
    return chain, _alias(settings, engine, project), _bytes(settings, live)


def findings(settings: Settings, engine: Engine, project: str) -> tuple[Finding, ...]:
    """Return one finding for each of `SUBJECTS`."""
    try:
        store = store_state(engine, project).finding
    except StoreError as error:
        return tuple(Finding(name, str(error) if name == STORE else "", str(error)) for name in SUBJECTS)
    return store, *model_findings(settings, engine, project)


def _alias(settings: Settings, engine: Engine, project: str) -> Finding:
    # MLflow takes seconds to import: only where its answer is asked for.
    from pipeline.registry.releases import alias_differs

    try:
        difference = alias_differs(engine, project, settings)
    except TrackingUnavailable as error:
        return Finding(ALIAS, unknown=str(error))
    return Finding(ALIAS, difference or "", detail="MLflow's alias names what the ledger says")


def _bytes(settings: Settings, live: Live) -> Finding:
    from pipeline.registry.runs import read_artifact_bytes

    try:
        found = hashlib.sha256(read_artifact_bytes(live.run_id, contract.ARTIFACT_MODEL, settings)).hexdigest()
    except TrackingUnavailable as error:
        return Finding(MODEL, unknown=str(error))
    except LookupError as error:
        return Finding(MODEL, f"the model file of version {live.model_version} is gone: {error}")
    if found != live.model_sha256:
        return Finding(
            MODEL,
            f"the model file of version {live.model_version} has sha256 {found[:12]}, approved was {live.model_sha256[:12]}; "
            "nothing may be scored with it",
        )
    return Finding(MODEL, detail=f"the model file of version {live.model_version} is the one that was approved, {found[:12]}")
