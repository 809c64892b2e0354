"""How far a retraining came, and the words for what stopped it."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pipeline.data.check import CheckReport
from pipeline.registry.gates import GateResult

NOT_NEEDED: Final = "not needed"
NOTHING_NEW: Final = "nothing new"
BAD_DATA: Final = "bad data"
GATE_FAILED: Final = "gate failed"
PROPOSED: Final = "proposed"
IN_SHADOW: Final = "in shadow"


@dataclass(frozen=True)
class RetrainResult:
    """How far a retraining came, and why it stopped there; None where it did not come that far."""

    project: str
    as_of: date
    status: str
    said: str
    """One sentence for people."""
    reasons: tuple[str, ...] = ()
    """What asked for a new model."""
    quiet: tuple[str, ...] = ()
    """What was asked and does not ask for one."""
    champion: int | None = None
    n_rows: int | None = None
    """Rows of matured vintages with known outcomes, development and test together."""
    last_matured: date | None = None
    test_from: date | None = None
    test_until: date | None = None
    caveat: str = ""
    """Why the comparison with the champion is not a clean one; "" where it is."""
    check: CheckReport | None = None
    run_id: str | None = None
    trained: bool = False
    """False where the bake-off on these very rows was there already."""
    gate: GateResult | None = None
    version: int | None = None
    policy: str | None = None
    proposal: int | None = None

    @property
    def is_good(self) -> bool:
        """True unless the data, the gate or the calendar said no."""
        return self.status in (NOT_NEEDED, PROPOSED, IN_SHADOW)


def blocking(check: CheckReport) -> str:
    """Return the blocking faults in one line: column, rule and what was found."""
    found = check.failures[check.failures["severity"] == "blocking"].to_dict("records")
    return "; ".join(f"{row['column']}: {row['rule']} ({row['detail']})" for row in found)


def failed(gate: GateResult) -> str:
    """Return the failed rules in one line: found, needed, and by how much."""
    rules: list[Any] = [rule for rule in gate.rules if not rule.passed]
    return "; ".join(
        f"{r.name}: {r.found}, needed {r.needed}" + ("" if r.margin is None else f" (missed by {-r.margin:.4f})") for r in rules
    )
