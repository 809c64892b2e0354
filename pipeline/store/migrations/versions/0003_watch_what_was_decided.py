"""Sum profiles by month, keep notes on the time axis, and count what the service refused or failed at.

Nothing is imported from `pipeline`: a released revision keeps its meaning when the code moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

APPEND_ONLY = ("annotations", "service_events")


def upgrade() -> None:
    """Create three tables, sum what is counted already into the first, and lock the two that are append-only."""
    if op.get_bind().dialect.name == "sqlite":
        _lay_profiles_out_by_key()
    _profile_months()
    _sum_by_month()
    _annotations()
    _service_events()
    for table in APPEND_ONLY:
        if op.get_bind().dialect.name == "sqlite":
            _lock_on_sqlite(table)
        else:
            # The function stands since the first revision.
            op.execute(
                f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )


def _lay_profiles_out_by_key() -> None:
    """Let the key itself hold the counts: half the bytes, and a panel reads its rows one after the other."""
    key = ("project", "day", "model_version", "segment", "feature", "bin")
    op.create_table(
        "profiles_by_key",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("bin", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("count >= 0", name=op.f("ck_profiles_count")),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_profiles")),
        sqlite_with_rowid=False,
    )
    names = ", ".join((*key, "count"))
    op.execute(f"INSERT INTO profiles_by_key ({names}) SELECT {names} FROM profiles ORDER BY {', '.join(key)}")  # noqa: S608  # our names
    op.drop_table("profiles")
    op.rename_table("profiles_by_key", "profiles")


def _sum_by_month() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    month = "date(day, 'start of month')" if is_sqlite else "CAST(date_trunc('month', day) AS date)"
    op.execute(
        "INSERT INTO profile_months (project, segment, month, model_version, feature, bin, count) "  # noqa: S608  # our own words
        f"SELECT project, segment, {month}, model_version, feature, bin, sum(count) FROM profiles "
        f"GROUP BY project, segment, {month}, model_version, feature, bin"
    )


def _profile_months() -> None:
    # Segment before month: a panel reads all months of one segment, and they lie together.
    key = ("project", "segment", "month", "model_version", "feature", "bin")
    op.create_table(
        "profile_months",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("bin", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("count >= 0", name=op.f("ck_profile_months_count")),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_profile_months")),
        sqlite_with_rowid=False,
    )


def _annotations() -> None:
    op.create_table(
        "annotations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdraws", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["withdraws"], ["annotations.id"], name=op.f("fk_annotations_withdraws")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotations")),
    )
    op.create_index(op.f("ix_annotations_project_day"), "annotations", ["project", "day"])


def _service_events() -> None:
    op.create_table(
        "service_events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("source IN ('form', 'batch', 'http', 'replay')", name=op.f("ck_service_events_source")),
        sa.CheckConstraint("count >= 1", name=op.f("ck_service_events_count")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_service_events")),
    )
    op.create_index(op.f("ix_service_events_project_at"), "service_events", ["project", "at"])


def _lock_on_sqlite(table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END"
        )
