"""The summary of a batch as sentences to read aloud, for the terminal and the page."""

from typing import Final

from pipeline import contract
from pipeline.serving.batch_log import Earlier
from pipeline.serving.batch_tally import Part, Summary

VERBS: Final = {contract.APPROVE: "approved", contract.REVIEW: "sent to review", contract.DECLINE: "declined"}


def aloud(summary: Summary) -> list[str]:
    """Return what came of a file: decisions, money, what was refused and what stood in the log before."""
    if not summary.n_decided:
        return [f"None of {people(summary.n_rows)} could be scored: every row was refused."]
    said = [_decisions(summary)]
    money = _money(summary.parts[contract.APPROVE], summary)
    said += [money] if money else []
    if summary.n_refused:
        said.append(
            f"{rows(summary.n_refused)} {were(summary.n_refused)} refused; what is wrong in each stands in a file of its own."
        )
    if summary.n_before:
        said.append(f"{rows(summary.n_before)} had been decided before and stay so; nothing is recorded twice.")
    return said


def met_before(earlier: Earlier, n_rows: int) -> str:
    """Say when and by which version a file was scored."""
    versions = " and ".join(str(version) for version in earlier.versions)
    when = f"{earlier.first:%Y-%m-%d}" + ("" if earlier.first.date() == earlier.last.date() else f" to {earlier.last:%Y-%m-%d}")
    what = "This file was scored" if earlier.n >= n_rows else f"{earlier.n:,} of the {n_rows:,} rows of this file were scored"
    return f"{what} on {when} by version {versions}; these decisions stand, only rows without one are scored."


def people(n: int) -> str:
    """1 applicant, 2,000 applicants."""
    return f"{n:,} applicant{'' if n == 1 else 's'}"


def rows(n: int) -> str:
    """1 row, 2,000 rows."""
    return f"{n:,} row{'' if n == 1 else 's'}"


def were(n: int) -> str:
    """Was or were."""
    return "was" if n == 1 else "were"


def money(amount: float, currency: str) -> str:
    """About as many digits as one says: 61.2 million EUR, 35,400 EUR."""
    if amount >= 1_000_000:
        return f"{amount / 1_000_000:,.1f} million {currency}"
    return f"{round(amount, -2) if amount >= 10_000 else amount:,.0f} {currency}"


def _decisions(summary: Summary) -> str:
    parts = [
        f"{part.n:,} ({100 * part.n / summary.n_decided:.1f} %) {were(part.n)} {VERBS[name]}"
        for name, part in summary.parts.items()
        if part.n or name != contract.REVIEW
    ]
    return f"Of {people(summary.n_decided)}, {', '.join(parts[:-1])} and {parts[-1]}."


def _money(approved: Part, summary: Summary) -> str:
    if not approved.n:
        return ""
    if approved.n_without_amount == approved.n:
        return "Expected loss in money is not known: the file names no amounts."
    partly = f" ({people(approved.n_without_amount)} without an amount left out)" if approved.n_without_amount else ""
    return (
        f"The approved ask for {money(approved.amount, summary.currency)}; of this about "
        f"{money(approved.expected_loss, summary.currency)} is expected to be lost: PD x amount x an LGD of "
        f"{100 * summary.lgd:.0f} %, mean PD {100 * approved.mean_pd:.1f} %{partly}."
    )
