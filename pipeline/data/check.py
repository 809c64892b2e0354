"""Check a table against its project before anything is learned from it: all failures at once, in one table."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Final

import pandas as pd

from pipeline.data import check_rules as rules
from pipeline.data.check_rules import RULES, Case, Failure
from pipeline.data.clean import category_text, clean_table
from pipeline.project import ProjectConfig, ProjectError

__all__ = ["FAILURE_COLUMNS", "RULES", "CheckReport", "category_text", "check_table", "clean_table"]

FAILURE_COLUMNS: Final = tuple(field.name for field in fields(Failure))

_CHECKS: Final[tuple[Callable[[Case], list[Failure]], ...]] = (
    rules.missing_columns, rules.row_count, rules.target, rules.schema_failures, rules.dates, rules.duplicates, rules.leaks,
    rules.shift,
)  # fmt: skip


@dataclass(frozen=True)
class CheckReport:
    """What the check found."""

    failures: pd.DataFrame
    """column, rule, severity (blocking or warning), count, first_rows (data rows counted from 1), detail; blocking first."""
    n_rows: int
    rules: tuple[str, ...]
    """The rules that were applied."""

    @property
    def passed(self) -> bool:
        """True when nothing blocking was found; warnings may remain."""
        return not (self.failures["severity"] == "blocking").any()

    def to_json(self) -> str:
        """Return the report as the JSON of a run's checks.json."""
        content = {"passed": self.passed, "n_rows": self.n_rows, "rules": self.rules}
        return json.dumps({**content, "failures": self.failures.to_dict("records")}, indent=2, ensure_ascii=False)


def check_table(
    frame: pd.DataFrame, config: ProjectConfig, *, previous: pd.DataFrame | None = None, today: date | None = None
) -> CheckReport:
    """Apply every rule to the table as it was read.

    Args:
        frame: rows in file order; the row numbers of the report count from 1, the header not counted.
        config: the project whose TOML sets the limits; `checks.warn_only` turns blocking rules into warnings.
        previous: an earlier snapshot of the same project; without it no shift is looked for.
        today: the day that freshness and future dates are judged by; the machine's when not given.

    Raises:
        ProjectError: `checks.warn_only` names a rule that does not exist.
    """
    _refuse_unknown_rules(config.checks.warn_only)
    case = rules.build_case(frame, config, previous, today or date.today())
    found = [_demoted(failure, config) for check in _CHECKS for failure in check(case)]
    return CheckReport(_table(found), len(frame), _applied(config, previous))


def _refuse_unknown_rules(names: Iterable[str]) -> None:
    for name in names:
        if name not in RULES:
            hint = rules.nearest_rule(name)
            raise ProjectError(f"checks.warn_only: there is no rule {name!r}{hint} The rules are {', '.join(RULES)}")


def _demoted(failure: Failure, config: ProjectConfig) -> Failure:
    return replace(failure, severity="warning") if failure.rule in config.checks.warn_only else failure


def _applied(config: ProjectConfig, previous: pd.DataFrame | None) -> tuple[str, ...]:
    data = config.data
    idle = {
        rules.SHIFT: previous is None,
        rules.DUPLICATE_ID: data.id is None,
        rules.DATE_UNPARSEABLE: data.time is None and data.outcome_known is None,
        rules.DATE_IN_FUTURE: data.time is None,
        rules.STALE: data.time is None or config.checks.max_age_days is None,
    }
    return tuple(rule for rule in RULES if not idle.get(rule, False))


def _table(found: Iterable[Failure]) -> pd.DataFrame:
    ordered = sorted(found, key=lambda failure: failure.severity != "blocking")
    return pd.DataFrame([asdict(failure) for failure in ordered], columns=list(FAILURE_COLUMNS))
