"""The sections of a project's TOML file, each frozen and refusing unknown keys; `pipeline.project` puts them together."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.contract import COST, METRICS

Kind = Literal["number", "category", "boolean"]
Sign = Literal[-1, 0, 1]
Share = Annotated[float, Field(ge=0, le=1)]
Scalar = bool | int | float | str


def require_metric(key: str, name: str) -> None:
    """Raise ValueError unless a metric has that name; the message names the key and the nearest metric."""
    if name not in METRICS:
        raise ValueError(f"{key}: {name!r} is no metric{nearest(name, METRICS)}; choose among {', '.join(METRICS)}")


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


class Split(Section):
    """How development and test rows are told apart. `method` time wants `test_from`; the others a `test_size`."""

    method: Literal["time", "stratified", "random"]
    test_from: date | None = None
    test_until: date | None = None
    """Last date used at all, included; later rows are kept for replay."""
    test_size: Annotated[float, Field(gt=0, lt=1)] = 0.25
    seed: int = 42
    folds: Annotated[int, Field(ge=2, le=20)] = 5

    @model_validator(mode="after")
    def _dates_fit(self) -> Self:
        if self.method == "time" and self.test_from is None:
            raise ValueError("method = 'time' needs test_from, the first date of the test rows")
        if self.method != "time" and (self.test_from or self.test_until):
            raise ValueError(f"method = {self.method!r} takes test_size, not dates")
        if self.test_from and self.test_until and self.test_from > self.test_until:
            raise ValueError(f"test_from {self.test_from} lies after test_until {self.test_until}; swap them")
        return self


class Leak(Section):
    """A column that alone predicts the target too well, and why that is accepted."""

    column: str
    reason: Annotated[str, Field(min_length=10)]


class Checks(Section):
    """Limits of the data check beyond what the features say of themselves."""

    min_rows: Annotated[int, Field(ge=1)] = 1000
    max_age_days: Annotated[int, Field(ge=1)] | None = None
    leak_auc: Annotated[float, Field(gt=0.5, le=1)] = 0.95
    acknowledged_leaks: tuple[Leak, ...] = ()
    max_shift_psi: float = 0.25
    warn_only: tuple[str, ...] = ()
    """Rules that warn instead of block, by rule name."""


class Preprocess(Section):
    """Steps between raw columns and the model, all fitted inside it."""

    caps: Literal["iqr", "quantile", "none"] = "quantile"
    cap_iqr_factor: Annotated[float, Field(gt=0)] = 1.5
    cap_quantiles: tuple[Share, Share] = (0.005, 0.995)
    """Lower and upper; columns are clipped to them."""
    cap_ratios: bool = True
    """Whether ratios are capped too; raw numbers always are, unless caps = "none"."""
    impute: Literal["median", "none"] = "median"
    missing_indicators: bool = True
    min_category_share: Share = 0.005

    @field_validator("cap_quantiles")
    @classmethod
    def _quantiles_in_order(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if ends[0] >= ends[1]:
            raise ValueError(f"the lower quantile {ends[0]:g} is not below the upper one {ends[1]:g}; write [lower, upper]")
        return ends


class Calibration(Section):
    """How scores become probabilities, fitted on out-of-fold scores."""

    method: Literal["sigmoid", "isotonic", "none"] = "sigmoid"


class Cutoff(Section):
    """How a candidate's own cut-off is chosen on validation: least cost, best F1, or a stated number."""

    rule: Literal["cost", "f1", "fixed"] = "cost"
    value: Share | None = None
    choose_by: str = COST
    """Validation metric, at each candidate's own cut-off, by which the bake-off names its winner."""

    @model_validator(mode="after")
    def _fixed_has_value(self) -> Self:
        if (self.rule == "fixed") != (self.value is not None):
            raise ValueError("value goes with rule = 'fixed', and only with it")
        if self.choose_by not in (COST, *METRICS):
            raise ValueError(f"choose_by = {self.choose_by!r} is no metric; choose one of {', '.join((COST, *METRICS))}")
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


class Gates(Section):
    """What a run must show before it may be registered. Floors are judged on the interval's lower end."""

    floors: Mapping[str, float] = {}
    """Test metric -> least acceptable lower bound, e.g. ``{roc_auc = 0.7, recall = 0.5}``."""
    champion_metric: str = "roc_auc"
    champion_tolerance: Annotated[float, Field(ge=0)] = 0.01
    """How much worse than the champion the paired difference's lower bound may be."""
    segment_metric: str = "roc_auc"
    segment_tolerance: Annotated[float, Field(ge=0)] = 0.1
    segment_min_n: Annotated[int, Field(ge=30)] = 300
    calibration_tolerance: Annotated[float, Field(ge=0)] = 0.02
    """Allowed ECE above the noise floor of a perfect model with these PDs."""
    max_latency_ms: Annotated[float, Field(gt=0)] = 100.0

    @model_validator(mode="after")
    def _metrics_exist(self) -> Self:
        for key, name in [("champion_metric", self.champion_metric), ("segment_metric", self.segment_metric)]:
            require_metric(key, name)
        for name in self.floors:
            require_metric("floors", name)
        return self


class Model(Section):
    """One family with fixed parameters and a grid; every combination is a candidate."""

    family: Literal["prior", "logistic", "forest", "lightgbm"]
    fixed: Mapping[str, Scalar] = {}
    grid: Mapping[str, tuple[Scalar, ...]] = {}

    def candidates(self) -> Iterator[dict[str, Scalar]]:
        """Yield the parameters of each combination of the grid, fixed ones included."""
        for values in product(*self.grid.values()):
            yield {**self.fixed, **dict(zip(self.grid, values, strict=True))}
