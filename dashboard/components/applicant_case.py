"""From pressing Score to a case that may be shown: check every field, decide, record; what fails becomes words."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import streamlit as st

from dashboard import loading, loading_desk
from dashboard.application import defaults, examples
from dashboard.casework import Case, decide_and_record
from dashboard.components.applicant_fields import applicant_id, fill, remember, typed
from dashboard.components.applicant_form import DEFAULTS
from pipeline import contract
from pipeline.project import ProjectConfig
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.serving.records import Value


@dataclass
class Sheet:
    """What one session has on the table for one project: faults of the form, what waits for a decision, the case shown."""

    nonce: str = field(default_factory=lambda: uuid.uuid4().hex)
    faults: Mapping[str, str] = field(default_factory=dict)
    waiting: "tuple[Mapping[str, Value], str | None] | None" = None
    case: Case | None = None
    trouble: str = ""
    wanted: tuple[str, float, str] | None = None
    """The example that was pressed, with run and cut-off, until it stands in the fields: Streamlit breaks off what a press does
    when the next press comes."""


def sheet_of(project: str) -> Sheet:
    """Return the session's sheet of a project."""
    found: Sheet = st.session_state.setdefault(f"sheet.{project}", Sheet())
    return found


def score_pressed(config: ProjectConfig) -> None:
    """Check what was typed; only a faultless application waits for its decision."""
    from pipeline.serving.inputs import InputRules

    sheet = sheet_of(config.name)
    if not fill_wanted(config):
        return
    remember(config)
    inputs, faults = InputRules(config).check(typed(config), from_text=True)
    sheet.trouble, sheet.waiting = "", None
    sheet.faults = {fault.field: fault.message for fault in faults}
    if sheet.faults:
        _count_refused(config.name, [fault.field for fault in faults])
    else:
        sheet.waiting = inputs, applicant_id(config)


def _count_refused(project: str, fields: Sequence[str]) -> None:
    """Which fields were at fault goes into the health of the service; a store that is down hides no fault from anybody."""
    from pipeline.serving.service_events import count_refusals
    from pipeline.store.address import StoreError  # brings SQLAlchemy, which the page's first drawing does not wait for

    with suppress(StoreError):
        count_refusals(loading_desk.store_engine(), project, contract.SOURCE_FORM, Counter(fields), applications=1)


def example_pressed(config: ProjectConfig, run_id: str, approve_below: float, name: str) -> None:
    """Fill the form with an example, or with the project's defaults; nothing is scored by that."""
    st.session_state[f"sheet.{config.name}"] = Sheet(wanted=(run_id, approve_below, name))
    fill_wanted(config)


def fill_wanted(config: ProjectConfig) -> bool:
    """Fill the form with the example that was pressed, if it is not there yet; False when it cannot be read."""
    sheet = sheet_of(config.name)
    if sheet.wanted is None:
        return True
    run_id, approve_below, name = sheet.wanted
    try:
        table = None if name == DEFAULTS else loading.read_table(run_id, contract.ARTIFACT_BACKGROUND)
    except (TrackingUnavailable, LookupError) as error:
        sheet.trouble, sheet.wanted = f"The examples cannot be read: {error}", None
        return False
    fill(config, defaults(config) if table is None else examples(config, table, approve_below)[name])
    sheet.wanted = None
    return True


def decide_waiting(project: str, sheet: Sheet) -> None:
    """Decide and record what waits. The case is on the sheet only when the log holds it; errors of the outside pass through."""
    if sheet.waiting is None:
        return
    inputs, applicant = sheet.waiting
    sheet.case = None
    pair = loading_desk.desk(project).pair()
    sheet.case = decide_and_record(pair, loading_desk.store_engine(), inputs, applicant, sheet.nonce)
    # Cleared last: a rerun that cuts in finds the application still waiting, and its key keeps it from being written twice.
    sheet.waiting = None
