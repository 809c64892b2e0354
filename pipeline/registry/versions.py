"""Registered versions in MLflow: a run becomes a version only after its gate, with the model's sha256 pinned to it.

MLflow's registry knows neither approval nor history: `pipeline.registry.releases` keeps those, and the champion alias here
only mirrors them.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pipeline import contract
from pipeline.registry.tracking_store import ask, describe_store, is_empty
from pipeline.settings import Settings, load_settings


class VersionError(ValueError):
    """A run that cannot be registered, or a version that is not there; the message says what to do."""


@dataclass(frozen=True)
class Version:
    """A registered version of a project's model: the run it came from and the sha256 of its model file."""

    project: str
    number: int
    run_id: str
    model_sha256: str
    gate: str


def register_version(run_id: str, project: str) -> int:
    """Register a run's model as the project's next version and return its number; the same run keeps its number.

    Raises VersionError unless the run is complete, belongs to the project, has passed its gate, and its model file has the
    sha256 that was logged in training.
    """
    settings = load_settings()
    known = find_version(project, run_id)
    if known is not None:
        return known.number
    with _talking(settings) as client:
        run = _run(client, run_id)
        _check_ours(run, project)
        _check_passed(_gate(client, run_id), run_id)
        tags = {
            contract.VERSION_TAG_GATE: "passed",
            contract.VERSION_TAG_RUN: run_id,
            contract.VERSION_TAG_SHA256: _checked_sha256(client, run),
        }
        _ensure_model(client, project)
        # runs:/ stays valid when artifacts move, and a tracking server accepts it for the run's own files only.
        source = f"runs:/{run_id}/{contract.ARTIFACT_MODEL}"
        # No waiting: the files are the run's own, nothing is copied.
        created = client.create_model_version(project, source, run_id, tags=tags, await_creation_for=0)
    return int(created.version)


def find_version(project: str, run_id: str) -> Version | None:
    """Return the version registered from a run, or None."""
    settings = load_settings()
    if is_empty(settings) or not run_id.isalnum():  # a quote in it would end the search expression
        return None

    def search(client: MlflowClient) -> list[ModelVersion]:
        return list(client.search_model_versions(f"name = '{project}' and run_id = '{run_id}'"))

    found = sorted((_version(version) for version in ask(settings, search)), key=lambda version: version.number)
    return found[0] if found else None


def read_version(project: str, number: int) -> Version:
    """Return a version by number. Raises VersionError when the project has none of that number."""
    settings = load_settings()
    found = None if is_empty(settings) else ask(settings, _or_none("get_model_version", project, str(number)))
    if found is None:
        raise VersionError(f"{project} has no registered version {number}; register a run that passed its gate first")
    return _version(found)


def gate_result(run_id: str) -> dict[str, Any]:
    """Return the gate's result as the run holds it. Raises VersionError when it is missing, unreadable or not passed."""
    with _talking(load_settings()) as client:
        gate = _gate(client, run_id)
    _check_passed(gate, run_id)
    return gate


def run_tags(run_id: str) -> Mapping[str, str]:
    """Return a run's tags. Raises VersionError when there is no such run."""
    with _talking(load_settings()) as client:
        return dict(_run(client, run_id).data.tags)


def champion(project: str, settings: Settings | None = None) -> int | None:
    """Return the version that the champion alias names, or None; the ledger, not this, says what is approved."""
    return _aliased(project, contract.ALIAS_CHAMPION, settings or load_settings())


def challenger(project: str) -> int | None:
    """Return the version that the challenger alias names, or None; the ledger says what runs beside the champion."""
    return _aliased(project, contract.ALIAS_CHALLENGER, load_settings())


def _aliased(project: str, alias: str, settings: Settings) -> int | None:
    if is_empty(settings):
        return None
    found = ask(settings, _or_none("get_model_version_by_alias", project, alias))
    return int(found.version) if found else None


def set_champion(project: str, number: int) -> None:
    """Point the champion alias at a version, which is challenger no longer. For `releases` only: the ledger row comes first."""
    with _talking(load_settings()) as client:
        client.set_registered_model_alias(project, contract.ALIAS_CHAMPION, str(number))
        aliases = client.get_registered_model(project).aliases  # numbers from SQL, text through a server
        if str(aliases.get(contract.ALIAS_CHALLENGER)) == str(number):
            client.delete_registered_model_alias(project, contract.ALIAS_CHALLENGER)


def set_challenger(project: str, number: int | None) -> None:
    """Point the challenger alias at a version, or take it away. For `routing` only: the ledger row comes first."""
    with _talking(load_settings()) as client:
        if number is None:
            client.delete_registered_model_alias(project, contract.ALIAS_CHALLENGER)
        else:
            client.set_registered_model_alias(project, contract.ALIAS_CHALLENGER, str(number))


@contextmanager
def _talking(settings: Settings) -> Iterator[MlflowClient]:
    """A client whose failures come out in plain words, without the credentials an address may hold."""
    if not settings.is_local_tracking:
        ask(settings, lambda _client: None)  # a dead server is named in seconds; MLflow alone would try for minutes
    try:
        yield MlflowClient(tracking_uri=settings.tracking_uri)
    except MlflowException as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise VersionError(f"the tracking store ({describe_store(settings)}) refused: {line}") from error


def _or_none(method: str, *arguments: str) -> Any:
    """A question to a client that is answered None where MLflow says the thing does not exist."""

    def question(client: MlflowClient) -> Any:
        try:
            return getattr(client, method)(*arguments)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return None

    return question


def _version(found: ModelVersion) -> Version:
    return Version(
        project=found.name,
        number=int(found.version),
        run_id=found.tags.get(contract.VERSION_TAG_RUN, found.run_id or ""),
        model_sha256=found.tags.get(contract.VERSION_TAG_SHA256, ""),
        gate=found.tags.get(contract.VERSION_TAG_GATE, ""),
    )


def _run(client: MlflowClient, run_id: str) -> Run:
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise VersionError(f"there is no run {run_id!r}; copy a run id from the Experiments page") from None


def _check_ours(run: Run, project: str) -> None:
    tags, run_id = run.data.tags, run.info.run_id
    if tags.get(contract.TAG_COMPLETE) != "true":
        raise VersionError(f"run {run_id} is not complete, so it cannot be registered; train again")
    owner = tags.get(contract.TAG_PROJECT)
    if owner != project:
        raise VersionError(f"run {run_id} belongs to project {owner!r}, not to {project!r}")


def _gate(client: MlflowClient, run_id: str) -> dict[str, Any]:
    content = _artifact(client, run_id, contract.ARTIFACT_GATES)
    if content is None:
        raise VersionError(f"run {run_id} has no gate result ({contract.ARTIFACT_GATES}); run `gate` on it first")
    try:
        # Python's reader takes NaN where JSON has none; "not computable" is null in the ledger.
        gate = json.loads(content, parse_constant=lambda _name: None)
    except ValueError as error:
        raise VersionError(f"the gate result of run {run_id} is not readable JSON ({error}); run `gate` again") from None
    if not isinstance(gate, dict) or not gate.get("rules"):
        raise VersionError(f"the gate result of run {run_id} names no rules, so it proves nothing; run `gate` again")
    return gate


def _check_passed(gate: Mapping[str, Any], run_id: str) -> None:
    if gate.get("passed") is not True:
        raise VersionError(f"run {run_id} did not pass its gate; `gate` says which rule failed and by how much")


def _checked_sha256(client: MlflowClient, run: Run) -> str:
    run_id, logged = run.info.run_id, run.data.tags.get(contract.TAG_MODEL_SHA256)
    content = _artifact(client, run_id, contract.ARTIFACT_MODEL)
    if content is None:
        raise VersionError(f"run {run_id} has no model file ({contract.ARTIFACT_MODEL}); train again")
    found = hashlib.sha256(content).hexdigest()
    if found != logged:
        raise VersionError(
            f"the model file of run {run_id} has sha256 {found}, but training logged {logged}: "
            "the file is not the one that was evaluated, so it cannot be registered"
        )
    return found


def _artifact(client: MlflowClient, run_id: str, path: str) -> bytes | None:
    """The bytes of a file at the top of a run's artifacts, or None when the run has no such file."""
    if path not in {file.path for file in client.list_artifacts(run_id)}:
        return None
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, path, folder)).read_bytes()


def _ensure_model(client: MlflowClient, project: str) -> None:
    try:
        client.create_registered_model(project)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
