"""The letter to an applicant who was declined, or whose application a person will look at, as plain text.

It says what 12 CFR 1002.9 asks a notice of action taken to say: the action, who takes it, and the specific principal reasons,
or the right to be told them. What rights and which authority apply differs by country, so the lender fills in the brackets.
Neither the PD nor anything else of the model stands in it.
"""

import textwrap
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from pipeline import contract
from pipeline.project import ProjectConfig
from pipeline.serving.records import Decision, Reason

if TYPE_CHECKING:
    from pipeline.serving.overrides import Override

WIDTH = 78
RIGHTS = (
    "You may ask us for a copy of the information about you that we used, have it corrected if it is wrong, and ask for a "
    "person to look at this decision again. You may also complain to the authority that supervises us."
)
FILL_IN = "[Before sending: add the rights, deadlines and the supervising authority that the law of your country requires.]"
BY_A_PERSON = "[A person declined this application: where that person's reasons differ from those above, write those instead.]"


def adverse_action_letter(
    decision: Decision, config: ProjectConfig, *, lender: str, when: date, override: "Override | None" = None
) -> str:
    """Return the letter of a declined or reviewed decision, dated `when`, signed by `lender`.

    config: the project as the deciding version's run logged it; override: what a person last decided about a review. Raises
    ValueError for an approval, which has no such letter, and for a reason that names a protected column, which no decision may
    rest on.
    """
    outcome, day = (override.outcome, override.at) if override else (decision.outcome, decision.decided_at)
    if outcome == contract.APPROVE:
        raise ValueError(f"decision {decision.id} is an approval; only a decline or a review has a letter with reasons")
    _refuse_protected(decision.reasons, config)
    body = _declined if outcome == contract.DECLINE else _reviewed
    texts = list(dict.fromkeys(_one_line(reason.text) for reason in decision.reasons))
    head = [_one_line(lender), f"{when:%Y-%m-%d}", *_references(decision, config)]
    fill_in = [FILL_IN, BY_A_PERSON] if override else [FILL_IN]
    paragraphs = ["\n".join(head), "Dear applicant,", *body(day, texts), RIGHTS, *fill_in]
    return "\n\n".join([*map(_wrapped, paragraphs), f"Yours faithfully\n{_one_line(lender)}"]) + "\n"


def _references(decision: Decision, config: ProjectConfig) -> list[str]:
    own = [f"Your application: {_one_line(decision.applicant_id)}"] if decision.applicant_id else []
    return [f"Product: {_one_line(config.project.title)}", *own, f"Our reference: {decision.id}"]


def _declined(day: datetime, texts: Sequence[str]) -> list[str]:
    opening = f"We have considered your application and decided on {day:%Y-%m-%d} that we cannot approve it."
    if not texts:
        return [opening, "You have the right to be told the specific reasons. Write to us with the reference above."]
    noun = "reason for this decision was" if len(texts) == 1 else "reasons for this decision, the weightiest first, were"
    return [opening, f"The principal {noun}:", _listed(texts)]


def _reviewed(day: datetime, texts: Sequence[str]) -> list[str]:
    opening = (
        f"We looked at your application on {day:%Y-%m-%d}. It has not been decided yet: a person will look at "
        "it and decide. You need not do anything; we will write to you when that is done."
    )
    return [opening, "That person will look above all at:", _listed(texts)] if texts else [opening]


def _listed(texts: Sequence[str]) -> str:
    return "\n".join(f"{place}. {text}" for place, text in enumerate(texts, start=1))


def _refuse_protected(reasons: Sequence[Reason], config: ProjectConfig) -> None:
    named = {reason.feature for reason in reasons} & set(config.protected.columns)
    if named:
        raise ValueError(f"the reasons name {', '.join(sorted(named))}, which is protected; no letter can be written")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _wrapped(paragraph: str) -> str:
    return "\n".join(
        textwrap.fill(line, WIDTH, subsequent_indent="   " if line[:1].isdigit() and ". " in line[:4] else "")
        for line in paragraph.split("\n")
    )
