"""One field per feature, as the project's TOML describes it; and what is typed, kept in the session, never in the link."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from dashboard.application import NOT_KNOWN, Raw, as_field, choice_text, defaults, may_be_missing, said_range, step_of
from dashboard.labels import plain, plain_label
from pipeline.project import Feature, ProjectConfig, Scalar

APPLICANT_ID: Final = "applicant id"
"""Key of the one field that is no feature."""


def field(feature: Feature, key: str) -> Scalar | None:
    """Draw the field of one feature, whose start stands in the session under its key, and return what it holds."""
    label = plain_label(f"{feature.label} ({feature.unit})" if feature.unit else feature.label)
    help_text = plain(" ".join(part for part in (feature.help, said_range(feature)) if part))
    if feature.kind == "number":
        return _number(feature, label, key, help_text)
    options: list[Scalar | None] = [True, False] if feature.kind == "boolean" else list(feature.choices)
    if may_be_missing(feature):
        options.append(None)
    return st.selectbox(label, options, format_func=lambda value: _said(feature, value), key=key, help=help_text)


@dataclass(frozen=True)
class Kept:
    """What stood in the fields last, by name, and how often they were filled anew."""

    values: Raw
    filled: int = 0


def seed(config: ProjectConfig) -> None:
    """Put back what was typed before another page was looked at; at first the project's defaults."""
    for name in (*config.feature_names, APPLICANT_ID):
        st.session_state.setdefault(key_of(config, name), _kept(config).values.get(name))
    remember(config)


def fill(config: ProjectConfig, values: Raw) -> None:
    """Replace what stands in the fields by new fields: a browser that still shows the old ones cannot write over them.

    One write: another press that cuts in finds all fields filled or none.
    """
    fitting = {feature.name: as_field(feature, values.get(feature.name)) for feature in config.features}
    st.session_state[f"kept.{config.name}"] = Kept(fitting | {APPLICANT_ID: ""}, _kept(config).filled + 1)


def typed(config: ProjectConfig) -> dict[str, Scalar | None]:
    """Return what stands in the fields, by feature."""
    return {name: _held(config, name) for name in config.feature_names}


def applicant_id(config: ProjectConfig) -> str | None:
    """Return the application number as typed, None when there is none."""
    return str(_held(config, APPLICANT_ID) or "").strip() or None


def remember(config: ProjectConfig) -> None:
    """Keep what stands in the fields beside them: Streamlit forgets fields that a page does not draw."""
    values = typed(config) | {APPLICANT_ID: applicant_id(config) or ""}
    st.session_state[f"kept.{config.name}"] = Kept(values, _kept(config).filled)


def key_of(config: ProjectConfig, name: str) -> str:
    """Return the session's key of a field; fields filled anew have a number behind it."""
    filled = _kept(config).filled
    return f"in.{config.name}.{name}" + (f"~{filled}" if filled else "")


def _held(config: ProjectConfig, name: str) -> Scalar | None:
    """What a field holds; one that is not drawn yet holds what it will start with."""
    held: Scalar | None = st.session_state.get(key_of(config, name), _kept(config).values.get(name))
    return held


def _kept(config: ProjectConfig) -> Kept:
    kept: Kept = st.session_state.get(f"kept.{config.name}") or Kept({**defaults(config), APPLICANT_ID: ""})
    return kept


def _number(feature: Feature, label: str, key: str, help_text: str) -> float | None:
    """No bounds in the browser: what lies outside is refused by the same rules, in the same words, as in a file."""
    hint = NOT_KNOWN if may_be_missing(feature) else "required"
    if feature.integer:
        return st.number_input(label, value=None, step=1, format="%d", key=key, help=help_text, placeholder=hint)
    step = step_of(feature)
    return st.number_input(label, value=None, step=step, format="%.10g", key=key, help=help_text, placeholder=hint)


def _said(feature: Feature, value: Scalar | None) -> str:
    if feature.kind == "boolean":
        return NOT_KNOWN if value is None else "Yes" if value else "No"
    return choice_text(feature, value)
