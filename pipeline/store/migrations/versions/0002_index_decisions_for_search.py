"""Index decisions by what the Decisions page searches: source, outcome and version, each in order of time."""

from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS = ["project", "source", "outcome", "model_version", "decided_at", "seq"]


def upgrade() -> None:
    """Build the wider index, which also serves what the narrower one did not: source, version and paging."""
    op.create_index(op.f(f"ix_decisions_{'_'.join(COLUMNS)}"), "decisions", COLUMNS)
    op.drop_index(op.f("ix_decisions_project_outcome_decided_at"), "decisions")
