"""What every section of a project's TOML file is, and those that describe the product: its data, its features, its money.

`pipeline.project` puts all sections together.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Kind = Literal["number", "category", "boolean"]
Sign = Literal[-1, 0, 1]
Share = Annotated[float, Field(ge=0, le=1)]
Scalar = bool | int | float | str


def nearest(wrong: str, right: Sequence[str]) -> str:
    """Return "; did you mean ...?" where a name is nearly right, else nothing."""
    close = difflib.get_close_matches(wrong, right, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


class Section(BaseModel):
    """What every section is: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class About(Section):
    """Who this product is for readers: short name (also experiment and model name), title and currency."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    title: str
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    description: str = ""
    source: str = ""
    """Attribution of the data, shown wherever the data is."""


class Cash(Section):
    """Columns whose sum is the realised net return of a loan: everything paid back, less everything lent or lost."""

    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()


class Data(Section):
    """The columns of the file and what each is for."""

    target: str
    positive: Scalar = 1
    negative: Scalar = 0
    id: str | None = None
    time: str | None = None
    amount: str | None = None
    outcome_months: Annotated[int, Field(ge=1, le=120)] = 12
    outcome_known: str | None = None
    """Column with the date on which the outcome became known, where the file has one."""
    never: tuple[str, ...] = ()
    """Columns that must never be features: outcomes, identifiers, the lender's own score. A trailing * matches a family."""
    file: str | None = None
    """Data shipped beside this TOML; without it the user names the file with --data."""
    generator: Literal["simulated"] | None = None
    """Data made on demand by the simulator instead of a file."""
    cash: Cash = Cash()

    def is_never(self, column: str) -> bool:
        """Tell whether the column may not be a feature, honouring a trailing ``*``."""
        return any(column == n or (n.endswith("*") and column.startswith(n[:-1])) for n in self.never)


class Feature(Section):
    """One input of the model, as the form, the check and the letter need it."""

    name: str
    kind: Kind
    label: str
    unit: str = ""
    help: str = ""
    range: tuple[float, float] | None = None
    """Lowest and highest value that the check and the form accept, both included."""
    integer: bool = False
    choices: tuple[Scalar, ...] = ()
    choice_labels: tuple[str, ...] = ()
    missing: tuple[Scalar, ...] = ()
    """Codes that mean "not known" and become missing before anything is fitted."""
    max_missing: Share = 0.0
    monotone: Sign = 0
    """+1: a higher value can only raise the PD; -1: only lower it; 0: free."""
    actionable: bool = False
    reason: str = ""
    """What the adverse-action letter says when this feature drove the decision."""
    default: Scalar | None = None

    @field_validator("range")
    @classmethod
    def _ends_in_order(cls, ends: tuple[float, float] | None) -> tuple[float, float] | None:
        if ends is not None and ends[0] >= ends[1]:
            raise ValueError(f"the lower end {ends[0]:g} is not below the upper end {ends[1]:g}; write [lowest, highest]")
        return ends

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind == "category" and not self.choices:
            raise ValueError(f"category {self.name!r} names no choices; list every value that may occur")
        if self.kind != "category" and self.choices:
            raise ValueError(f"{self.kind} {self.name!r} has choices; make its kind category or give a range")
        if self.kind != "number" and self.range is not None:
            raise ValueError(f"{self.kind} {self.name!r} has a range; only numbers have one")
        if self.choice_labels and len(self.choice_labels) != len(self.choices):
            raise ValueError(f"{self.name!r} has {len(self.choices)} choices but {len(self.choice_labels)} choice_labels")
        if self.kind == "category" and self.monotone:
            raise ValueError(f"category {self.name!r} has a monotone sign; only numbers and booleans can be ordered")
        return self


class Ratio(Section):
    """A feature computed as numerator / denominator, inside the model's own pipeline."""

    name: str
    numerator: str
    denominator: str
    label: str
    help: str = ""
    monotone: Sign = 0
    reason: str = ""


class Groups(Section):
    """Columns joined after scoring; numbers are cut at the given inner edges."""

    columns: tuple[str, ...] = ()
    bins: Mapping[str, tuple[float, ...]] = {}

    @model_validator(mode="after")
    def _bins_belong(self) -> Self:
        for column, edges in self.bins.items():
            if column not in self.columns:
                raise ValueError(f"bins.{column}: is not among columns {list(self.columns)}")
            if list(edges) != sorted(set(edges)):
                raise ValueError(f"bins.{column} = {list(edges)}: edges must rise")
        return self


class Costs(Section):
    """What mistakes cost. Per loan: LGD x exposure against margin x exposure. Per case: the two flat amounts."""

    model: Literal["per_case", "per_loan"] = "per_case"
    fn_cost: Annotated[float, Field(gt=0)]
    """Money lost on a missed defaulter, per case."""
    fp_cost: Annotated[float, Field(gt=0)]
    """Margin lost on a good customer refused, per case."""
    lgd: Annotated[float, Field(gt=0, le=1)] = 0.45
    margin: Annotated[float, Field(gt=0, le=1)] = 0.1
    review_cost: Annotated[float, Field(ge=0)] = 0.0
    review_share_right: Share = 0.9
    """Of the cases reviewed, the share that reviewers are assumed to decide rightly."""
    review_capacity_per_day: Annotated[int, Field(ge=0)] | None = None
    applications_per_year: Annotated[int, Field(ge=1)] | None = None


class Underwriting(Section):
    """What the desk says beside the decision: grades of the PD, reasons for an override, and who signs the letter."""

    grades: tuple[str, ...] = ("A", "B", "C", "D", "E", "F", "G")
    grade_edges: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.02, 0.05, 0.10, 0.15, 0.25, 0.40)
    """PDs at which the next grade begins, one fewer than grades: a PD below the first edge has the first grade."""
    override_reasons: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "Income confirmed by documents",
        "Collateral or guarantor",
        "Known customer in good standing",
        "Entries in the application corrected",
        "Signs of fraud",
        "Cannot be contacted or confirmed",
        "Other (see note)",
    )
    lender: str = "The lender"
    """Name under the adverse-action letter."""

    @model_validator(mode="after")
    def _grades_fit(self) -> Self:
        if len(self.grade_edges) != len(self.grades) - 1:
            raise ValueError(f"{len(self.grades)} grades need {len(self.grades) - 1} grade_edges, not {len(self.grade_edges)}")
        if list(self.grade_edges) != sorted(set(self.grade_edges)):
            raise ValueError(f"grade_edges = {list(self.grade_edges)}: edges must rise")
        if len(set(self.grades)) != len(self.grades):
            raise ValueError(f"grades = {list(self.grades)}: each must be named once")
        return self
