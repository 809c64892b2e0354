"""What decides now: the live version and its challenger, followed as the ledger moves, without a restart.

A champion that is loaded goes on scoring while the tracking server is down. A champion alias that disagrees with the ledger
stops all scoring until somebody looks.
"""

import threading
import time
from dataclasses import dataclass, replace

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from pipeline.registry import ledger, releases, routing
from pipeline.registry.ledger import LedgerError, Live
from pipeline.registry.policies import PolicyError, read_policy
from pipeline.registry.routing import Routing
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.serving.live import LiveModel, load_version
from pipeline.serving.records import ServingError
from pipeline.settings import Settings

REFRESH_SECONDS = 2.0
"""How soon a release, a rollback or a changed routing is followed."""
AUDIT_SECONDS = 60.0
"""How often the ledger's chain is verified and MLflow is asked whether its alias still agrees."""
CONFIRM_SECONDS = 1.0


@dataclass(frozen=True)
class Pair:
    """The live model, and the challenger with its routing where there is one. ``problem`` says why a challenger is missing."""

    champion: LiveModel
    challenger: LiveModel | None = None
    routing: Routing | None = None
    problem: str = ""


class Desk:
    """Holds the pair of one project for a process; safe to share between threads."""

    def __init__(self, settings: Settings, engine: Engine, project: str) -> None:
        self.settings = settings
        self.engine = engine
        self.project = project
        self._lock = threading.Lock()
        self._pair: Pair | None = None
        self._seq = -1
        self._looked = -REFRESH_SECONDS
        self._failed: ServingError | TrackingUnavailable | None = None
        self._audited = -AUDIT_SECONDS
        self._blocked: str | None = None

    def pair(self) -> Pair:
        """Return what decides now. Raises ServingError when nothing may, TrackingUnavailable when it cannot be loaded yet."""
        with self._lock:
            if time.monotonic() - self._looked >= REFRESH_SECONDS:
                self._follow()
            if self._failed is not None:
                raise type(self._failed)(str(self._failed))  # a new one: threads share nothing that a traceback hangs on
            if self._blocked:
                raise ServingError(f"nothing is scored: {self._blocked}")
            assert self._pair is not None
            return self._pair

    def _follow(self) -> None:
        """Load what the ledger names since the last look. A failure stands until the next one, or every applicant would wait.

        What the ledger no longer names decides nothing more, even while its successor cannot be loaded.
        """
        self._failed = None
        try:
            seq = ledger.newest_seq(self.engine, self.project)
            if self._pair is None or seq != self._seq:
                is_first = self._pair is None
                self._pair = self._load()
                self._seq = seq
                self._audit(wait=is_first)
        except (ServingError, TrackingUnavailable) as error:
            self._failed = error
        except LedgerError as error:
            self._failed = ServingError(f"nothing is scored: {error}")
        except DBAPIError as error:
            self._failed = ServingError(f"the store cannot be read, so nothing can be recorded or scored: {error.orig}")
        self._looked = time.monotonic()
        if self._looked - self._audited >= (REFRESH_SECONDS if self._blocked else AUDIT_SECONDS):
            self._audit(wait=False)

    def _load(self) -> Pair:
        problems = ledger.verify(self.engine, self.project)
        if problems:
            raise ServingError(f"the ledger of {self.project} is broken, so nothing is scored: {problems[0]}")
        live = ledger.live_at(self.engine, self.project)
        if live is None:
            raise ServingError(f"nothing is live in {self.project}; propose and approve a version first")
        champion, problem = self._version(live, None if self._pair is None else self._pair.champion), ""
        route, challenger = routing.current(self.engine, self.project), None
        if route is not None:
            try:
                challenger = self._version(route, None if self._pair is None else self._pair.challenger)
                _require_same_inputs(champion, challenger)
            except (ServingError, TrackingUnavailable) as error:
                problem = f"the challenger is left out: {error}"  # it must never stop the champion
        return Pair(champion, challenger, route if challenger else None, problem)

    def _version(self, wanted: Live | Routing, loaded: LiveModel | None) -> LiveModel:
        """Load a version, or keep the model that is loaded when only its policy changed."""
        known = [m for m in (loaded, *self._loaded()) if m is not None and m.model_sha256 == wanted.model_sha256]
        same = next((m for m in known if (m.version, m.run_id) == (wanted.model_version, wanted.run_id)), None)
        if same is None:
            return load_version(
                self.settings, self.engine, wanted.model_version, wanted.run_id, wanted.model_sha256, wanted.policy_id
            )
        if same.policy.id == wanted.policy_id:
            return same
        try:
            return replace(same, policy=read_policy(self.engine, wanted.policy_id))
        except PolicyError as error:
            raise ServingError(str(error)) from error

    def _loaded(self) -> tuple[LiveModel | None, ...]:
        return () if self._pair is None else (self._pair.champion, self._pair.challenger)

    def _audit(self, *, wait: bool) -> None:
        """Ask whether ledger and alias still hold; in the background, because a server that hangs must not stop applicants."""
        self._audited = time.monotonic()
        thread = threading.Thread(target=self._look_again, daemon=True, name="riskdeck-audit")
        thread.start()
        if wait:
            thread.join()

    def _look_again(self) -> None:
        """Block on what is wrong twice: between the ledger row of a release and its alias lies a moment."""
        problem = self._problem()
        if problem is not None:
            time.sleep(CONFIRM_SECONDS)
            problem = self._problem()
        self._blocked = problem

    def _problem(self) -> str | None:
        try:
            broken = ledger.verify(self.engine, self.project)
            if broken:
                return f"the ledger of {self.project} is broken: {broken[0]}"
            return releases.alias_differs(self.engine, self.project, self.settings)
        except LedgerError as error:
            return str(error)
        except (TrackingUnavailable, DBAPIError):
            return self._blocked  # unknown, not different: a champion that may decide goes on, one that may not does not


def _require_same_inputs(champion: LiveModel, challenger: LiveModel) -> None:
    """A challenger that asks for more than the champion's form collects, or for something else, could not be scored."""
    ours = {feature.name: feature.kind == "category" for feature in champion.config.features}
    theirs = {feature.name: feature.kind == "category" for feature in challenger.config.features}
    more = sorted(name for name, is_category in theirs.items() if ours.get(name) is not is_category)
    if more:
        raise ServingError(
            f"version {challenger.version} needs {', '.join(more)}, which the champion does not ask for in that kind"
        )
