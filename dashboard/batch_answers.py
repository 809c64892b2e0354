"""The one sentence with which the Batch page opens, whatever the file's state. Pure."""

from collections.abc import Mapping

from dashboard import batch_jobs as jobs
from dashboard.answers import Answer
from dashboard.field_words import feature_label
from dashboard.labels import code, number, percent, plain
from dashboard.loading_desk import Release
from pipeline.project import ProjectConfig

MOST_FIELDS = 4


def before_any_file(release: Release, project: str, most_mb: int) -> Answer:
    """Nothing was dropped: who would score it, and where larger files go."""
    policy, live = release.policy, release.live
    if policy is None or live is None:
        return Answer("Nothing is live.", is_firm=False)
    declines = percent(policy.decline_above) + ", review between" if policy.approve_below < policy.decline_above else "there"
    return Answer(
        f"Drop a file: version {live.model_version} scores each row and says which rows are wrong.",
        f"It approves below a PD of {percent(policy.approve_below)} and declines from {declines}. "
        f"Nothing is scored before you have seen what is wrong. Up to {most_mb} MB here; longer files with "
        + code(f"python -m pipeline score {project} --data FILE"),
        is_firm=False,
    )


def answer(state: jobs.State, config: ProjectConfig) -> Answer:
    """Say where a file stands: read, checked, scored, stopped or refused."""
    from pipeline.serving.batch_words import aloud

    if state.result is not None and state.step == jobs.DONE:
        first, *others = (_literal(sentence) for sentence in aloud(state.result.summary))
        calculated = [] if state.recorded else ["Nothing was recorded: these are calculations, not decisions."]
        return Answer(first, " ".join([*calculated, *others]), is_firm=state.result.summary.n_decided > 0)
    if state.step == jobs.CHECKED:
        return _checked(state, config)
    if state.step == jobs.CHECKING:
        far = f" {number(state.done, 0)} of {number(state.total, 0)} rows so far." if state.total else ""
        return Answer("Each row of the file is being checked; nothing is scored yet.", far.strip(), is_firm=False)
    if state.step == jobs.SCORING:
        return Answer(
            f"{number(state.done, 0)} of {number(state.total, 0)} rows are scored{_left(state)}.", _refused(state), False
        )
    if state.step == jobs.STOPPED:
        return Answer("The file is half done.", f"It was {plain(state.said)}.", is_firm=False)
    title = "This file cannot be scored." if state.step == jobs.REFUSED else "Nothing more is scored now."
    return Answer(title, f"{plain(state.said.rstrip('.'))}.", is_firm=False)


def field_label(name: str, config: ProjectConfig) -> str:
    """Return the label of a field as findings name it."""
    if not name:
        return "Cells do not fit the header"
    return feature_label(config, name)


def fields_said(by_field: Mapping[str, int], config: ProjectConfig) -> str:
    """Name the fields that are wrong most often, with how often."""
    named = [f"{plain(field_label(name, config))} ({number(n, 0)})" for name, n in list(by_field.items())[:MOST_FIELDS]]
    more = len(by_field) - MOST_FIELDS
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _checked(state: jobs.State, config: ProjectConfig) -> Answer:
    from pipeline.serving.batch_words import met_before, rows

    found = state.findings
    assert found is not None
    total = found.n_good + found.n_refused
    again = [met_before(state.earlier, total)] if state.earlier else []
    if not found.n_good:
        what = f"Look first at: {fields_said(found.by_field, config)}."
        return Answer(f"None of the {rows(total)} can be scored.", " ".join([what, *again]), is_firm=False)
    if not found.n_refused:
        return Answer(f"All {rows(total)} can be scored.", " ".join(["Nothing is wrong in any of them.", *again]))
    refused = f"{number(found.n_refused, 0)} {'is' if found.n_refused == 1 else 'are'} refused"
    text = f"{number(found.n_good, 0)} of the {rows(total)} can be scored; {refused}."
    wrong = f"What is wrong: {fields_said(found.by_field, config)}. The good rows do not wait for them."
    return Answer(text, " ".join([wrong, *again]))


def _left(state: jobs.State) -> str:
    seconds = state.seconds_left()
    if seconds is None:
        return ""
    if seconds < 90:
        return f", about {max(1, round(seconds))} s left"
    return f", about {round(seconds / 60)} min left"


def _refused(state: jobs.State) -> str:
    from pipeline.serving.batch_words import rows, were

    refused = f"{rows(state.refused)} {were(state.refused)} refused so far. " if state.refused else ""
    how = "Each decision is recorded before it is written; " if state.recorded else "Nothing is recorded; "
    return f"{refused}{how}you may leave this page meanwhile."


def _literal(sentence: str) -> str:
    return sentence.replace("$", r"\$")
