"""ProjectConfig: one lending product, read from one TOML file. Frozen; unknown keys are refused.

A new product is a new file here (or anywhere: every command takes a path) and no code.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from pipeline.project_monitoring import Monitoring, Rule
from pipeline.project_sections import (
    About,
    Cash,
    Costs,
    Data,
    Feature,
    Groups,
    Kind,
    Ratio,
    Scalar,
    Section,
    Share,
    Sign,
    Underwriting,
    nearest,
)  # fmt: skip
from pipeline.project_training import Calibration, Checks, Cutoff, Gates, Leak, Model, Preprocess, Split

__all__ = [
    "BUILT_IN",
    "About",
    "Calibration",
    "Cash",
    "Checks",
    "Costs",
    "Cutoff",
    "Data",
    "Feature",
    "Gates",
    "Groups",
    "Kind",
    "Leak",
    "Model",
    "Monitoring",
    "Preprocess",
    "Project",
    "ProjectConfig",
    "ProjectError",
    "Ratio",
    "Rule",
    "Scalar",
    "Share",
    "Sign",
    "Split",
    "Underwriting",
    "list_projects",
    "load_project",
    "open_project",
    "parse_project",
    "project_path",
    "project_sha256",
    "read_project_text",
]  # fmt: skip

BUILT_IN = Path(__file__).parent / "projects"


class ProjectError(ValueError):
    """A project file that cannot be used; the message names the key, the value and what would be right."""


class ProjectConfig(Section):
    """One lending product. See the built-in files under `pipeline/projects` for a commented example of each key."""

    project: About
    data: Data
    features: Annotated[tuple[Feature, ...], Field(min_length=1)]
    ratios: tuple[Ratio, ...] = ()
    protected: Groups = Groups()
    segments: Groups = Groups()
    split: Split
    checks: Checks = Checks()
    preprocess: Preprocess = Preprocess()
    calibration: Calibration = Calibration()
    cutoff: Cutoff = Cutoff()
    costs: Costs
    underwriting: Underwriting = Underwriting()
    gates: Gates = Gates()
    monitoring: Monitoring = Monitoring()
    models: Annotated[Mapping[str, Model], Field(min_length=1)]

    @property
    def name(self) -> str:
        """Short name: the MLflow experiment and the registered model carry it."""
        return self.project.name

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Raw feature columns in the order of the file."""
        return tuple(f.name for f in self.features)

    @property
    def group_columns(self) -> tuple[str, ...]:
        """Protected and segment columns, each once."""
        return tuple(dict.fromkeys((*self.protected.columns, *self.segments.columns)))

    @property
    def required_columns(self) -> tuple[str, ...]:
        """Every column the data file must have."""
        data = self.data
        named = (data.id, data.time, data.amount, data.outcome_known, data.target, *data.cash.plus, *data.cash.minus)
        return tuple(dict.fromkeys((*(c for c in named if c), *self.feature_names, *self.group_columns)))

    def feature(self, name: str) -> Feature:
        """Return the feature of that name; KeyError names the nearest one."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(f"no feature {name!r}{nearest(name, self.feature_names)}")

    @model_validator(mode="after")
    def _roles_do_not_clash(self) -> Self:
        _refuse_doubles(self.feature_names + tuple(r.name for r in self.ratios))
        for feature in self.features:
            if feature.name == self.data.target or self.data.is_never(feature.name):
                raise ValueError(
                    f"features: {feature.name!r} is the target or listed under data.never; it would leak the outcome"
                )
            if feature.name in self.protected.columns:
                raise ValueError(f"features: {feature.name!r} is a protected column; it stays out of the model")
        numbers = tuple(f.name for f in self.features if f.kind == "number")
        for ratio in self.ratios:
            for part in (ratio.numerator, ratio.denominator):
                if part not in numbers:
                    raise ValueError(f"ratios.{ratio.name}: {part!r} is not a number feature{nearest(part, numbers)}")
        self.monitoring.require_subjects(self.feature_names)
        if self.split.method == "time" and self.data.time is None:
            raise ValueError("split.method = 'time' needs data.time, the column with the application date")
        return self


@dataclass(frozen=True)
class Project:
    """A project as read: its TOML text (logged as it stands), where it came from, and the parsed config."""

    config: ProjectConfig
    text: str
    path: Path


def open_project(name_or_path: str) -> Project:
    """Read a project by built-in name or path, with its text and place. Raises ProjectError."""
    text = read_project_text(name_or_path)
    return Project(parse_project(text, name_or_path), text, project_path(name_or_path))


def load_project(name_or_path: str | Path) -> ProjectConfig:
    """Read a built-in project by name, or any TOML file by its path. Raises ProjectError in plain words."""
    return parse_project(read_project_text(name_or_path), str(name_or_path))


def read_project_text(name_or_path: str | Path) -> str:
    """Return the TOML text of a built-in name or a path; it is logged with every run as it stands."""
    try:
        return project_path(name_or_path).read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise ProjectError(f"{name_or_path}: is not a TOML file in UTF-8 ({exc.reason}); data files go behind --data") from exc


def project_path(name_or_path: str | Path) -> Path:
    """Return where a project's TOML file is; ProjectError lists the built-in names when there is none."""
    built_in = BUILT_IN / f"{name_or_path}.toml"
    path = built_in if built_in.parent == BUILT_IN and built_in.is_file() else Path(name_or_path)
    if not path.is_file():
        names = list_projects()
        raise ProjectError(
            f"no project {str(name_or_path)!r}{nearest(str(name_or_path), names)}; "
            f"built in are {', '.join(names)}, or give the path of a TOML file"
        )
    return path


def list_projects() -> tuple[str, ...]:
    """Names of the built-in projects, the demo's first."""
    names = sorted(p.stem for p in BUILT_IN.glob("*.toml"))
    return tuple(sorted(names, key=lambda n: n != "simulated"))


def parse_project(text: str, origin: str = "project") -> ProjectConfig:
    """Parse TOML text into a ProjectConfig; every fault at once, each with its key, value and what would be right."""
    try:
        return ProjectConfig.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        raise ProjectError(f"{origin}: is not valid TOML: {exc}") from exc
    except ValidationError as exc:
        faults = "\n".join(f"  {_fault(dict(e))}" for e in exc.errors())
        raise ProjectError(f"{origin}: {exc.error_count()} fault(s)\n{faults}") from exc


def project_sha256(text: str) -> str:
    """Hash of the TOML text, the identity of a project in a run's lineage."""
    return hashlib.sha256(text.encode()).hexdigest()


def _fault(error: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "file"
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key{nearest(str(error['loc'][-1]), _keys_beside(error['loc']))}"
    if error["type"] == "missing":
        return f"{key}: is missing and must be given"
    message = str(error["msg"]).removeprefix("Value error, ")
    value = error["input"]
    shown = f" = {value!r}" if isinstance(value, Scalar | list | tuple) else ""
    return f"{key}{shown}: {message}"


def _keys_beside(loc: Sequence[str | int]) -> tuple[str, ...]:
    """Names that would have been right where an unknown key stands."""
    section: Any = ProjectConfig
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        field = section.model_fields.get(part) if hasattr(section, "model_fields") else None
        if field is None:
            break
        section = _section_of(field.annotation)
    return tuple(getattr(section, "model_fields", {}))


def _section_of(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section_of(inner)
        if found is not None:
            return found
    return None


def _refuse_doubles(names: Sequence[str]) -> None:
    doubles = sorted({n for n in names if names.count(n) > 1})
    if doubles:
        raise ValueError(f"features and ratios: {', '.join(doubles)} named twice; each name must be used once")
