"""The sections of a project's TOML file on how its models are made and judged: from the split to the gates."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import product
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.contract import COST, METRICS
from pipeline.project_sections import Scalar, Section, Share, nearest


def require_metric(key: str, name: str) -> None:
    """Raise ValueError unless a metric has that name; the message names the key and the nearest metric."""
    if name not in METRICS:
        raise ValueError(f"{key}: {name!r} is no metric{nearest(name, METRICS)}; choose among {', '.join(METRICS)}")


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
