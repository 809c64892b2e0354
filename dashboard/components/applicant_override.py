"""An analyst decides a review: reason from the project's list, a note, a typed name; a record of its own."""

from typing import TYPE_CHECKING

from dashboard.casework import Case

if TYPE_CHECKING:
    from pipeline.serving.live import LiveModel


def override(case: Case, live: "LiveModel") -> None:
    """Draw the form."""
