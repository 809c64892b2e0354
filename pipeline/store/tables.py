"""The tables of the store, as SQLAlchemy Core objects; the migrations build them and a test holds the two together.

Append-only tables (`APPEND_ONLY`) refuse UPDATE, DELETE, INSERT OR REPLACE and TRUNCATE by database triggers: a correction
is a new row, a state (approved, acknowledged) follows from rows, never from a column that somebody could set.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

APPEND_ONLY: Final = (
    "decisions", "overrides", "outcomes", "policies", "ledger", "alert_events", "annotations", "service_events",
    "alert_deliveries", "monitor_rounds",
)  # fmt: skip


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: takes aware datetimes only, stores UTC, gives back aware UTC on both engines."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite keeps no zone, so there it is dropped after the conversion."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give an aware datetime such as datetime.now(UTC)")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


# SQLite gives out row numbers only to a column spelled INTEGER.
Sequence = BigInteger().with_variant(Integer(), "sqlite")
# JSON, not JSONB: the text is kept as written, so hashes and exact floats survive the round trip.
Document = JSON(none_as_null=True)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

decisions = Table(
    "decisions",
    metadata,
    # On PostgreSQL numbers are given out before commit: a lower one may appear after a higher one. Whoever reads "all since
    # the mark" must first wait for open writers (take `engine.transaction_lock(conn, "decisions")`).
    Column("seq", Sequence, Identity(), primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("project", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("source", Text, nullable=False),
    Column("applicant_id", Text),
    Column("model_version", Integer, nullable=False),
    Column("model_sha256", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("policy_id", Text, ForeignKey("policies.id"), nullable=False),
    Column("inputs", Document, nullable=False),
    Column("pd", Double, nullable=False),
    Column("grade", Text),
    Column("outcome", Text, nullable=False),
    Column("reasons", Document, nullable=False),
    Column("shadow", Document),
    Column("latency_ms", Double),
    Column("warnings", Document, nullable=False),
    UniqueConstraint("project", "idempotency_key"),
    CheckConstraint("source IN ('form', 'batch', 'http', 'replay')", name="source"),
    CheckConstraint("outcome IN ('approve', 'review', 'decline')", name="outcome"),
    CheckConstraint("pd >= 0 AND pd <= 1", name="pd"),
    Index(None, "project", "decided_at"),
    Index(None, "project", "applicant_id"),
    # Serves every search of the Decisions page: within one source, outcome and version rows lie by time, newest last.
    Index(None, "project", "source", "outcome", "model_version", "decided_at", "seq"),
)

overrides = Table(
    "overrides",
    metadata,
    Column("id", Text, primary_key=True),
    Column("decision_id", Text, ForeignKey("decisions.id"), nullable=False, index=True),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text),
    Column("outcome", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    CheckConstraint("outcome IN ('approve', 'review', 'decline')", name="outcome"),
)

outcomes = Table(
    "outcomes",
    metadata,
    # No foreign key: outcomes also arrive for loans decided before this store existed.
    Column("seq", Sequence, Identity(), primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("project", Text, nullable=False),
    Column("subject_id", Text, nullable=False),
    Column("known_at", UtcDateTime, nullable=False),
    Column("defaulted", Boolean, nullable=False),
    Column("cash", Double),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("project", "subject_id", "revision"),
    CheckConstraint("revision >= 1", name="revision"),
    Index(None, "project", "known_at"),
)

profiles = Table(
    "profiles",
    metadata,
    Column("project", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("model_version", Integer, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("bin", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    CheckConstraint("count >= 0", name="count"),
    # The key itself holds the counts: half the bytes, and rows of one panel lie together.
    sqlite_with_rowid=False,
)

profile_marks = Table(
    "profile_marks",
    metadata,
    Column("project", Text, primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

profile_months = Table(
    "profile_months",
    metadata,
    # The sum of `profiles` by calendar month (its first day), written with them. Segment before month: a panel reads all months
    # of one segment, and they lie together.
    Column("project", Text, primary_key=True),
    Column("segment", Text, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("model_version", Integer, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("bin", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    CheckConstraint("count >= 0", name="count"),
    sqlite_with_rowid=False,
)

annotations = Table(
    "annotations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("text", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # The annotation that this row takes back; nothing is ever deleted.
    Column("withdraws", Text, ForeignKey("annotations.id")),
    Index(None, "project", "day"),
)

service_events = Table(
    "service_events",
    metadata,
    # What was asked for and not decided: refused inputs by field, errors by kind. No value that anybody gave is kept.
    Column("seq", Sequence, Identity(), primary_key=True),
    Column("project", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    CheckConstraint("source IN ('form', 'batch', 'http', 'replay')", name="source"),
    CheckConstraint("count >= 1", name="count"),
    Index(None, "project", "at"),
)

policies = Table(
    "policies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("approve_below", Double, nullable=False),
    Column("decline_above", Double, nullable=False),
    Column("costs", Document, nullable=False),
    Column("baseline", Document, nullable=False),
    Column("rationale", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sha256", Text, nullable=False),
    UniqueConstraint("project", "number"),
    CheckConstraint("0 <= approve_below AND approve_below <= decline_above AND decline_above <= 1", name="cutoffs"),
)

ledger = Table(
    "ledger",
    metadata,
    # Given out by pipeline.registry.ledger under its lock, because the number is part of the hash.
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("project", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("actor_verified", Boolean, nullable=False),
    Column("subject", Document, nullable=False),
    Column("reason", Text, nullable=False),
    Column("evidence", Document, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    # One row follows each row: two writers that read the same end cannot both append.
    UniqueConstraint("project", "prev_hash"),
    Index(None, "project", "at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("layer", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("feature", Text),
    Column("period", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("payload", Document, nullable=False),
    Index(None, "project", "opened_at"),
)

alert_events = Table(
    "alert_events",
    metadata,
    Column("seq", Sequence, Identity(), primary_key=True),
    Column("alert_id", Text, ForeignKey("alerts.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("note", Text),
    # The product's own day (`monitoring.clock`), which a replay leaves in the past; cool-downs count from it.
    Column("day", Date),
    CheckConstraint("event IN ('opened', 'acknowledged', 'resolved', 'delivered')", name="event"),
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    # Every attempt; a channel is named by its kind and a fingerprint, never by its address, which holds secrets.
    Column("seq", Sequence, Identity(), primary_key=True),
    Column("alert_id", Text, ForeignKey("alerts.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("channel", Text, nullable=False),
    Column("is_delivered", Boolean, nullable=False),
)

monitor_rounds = Table(
    "monitor_rounds",
    metadata,
    # One row a round that judged, for silence means nothing where nobody looked; failed: names of watchers that did not finish.
    Column("seq", Sequence, Identity(), primary_key=True),
    Column("project", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("signals", BigInteger, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("failed", Document, nullable=False),
    CheckConstraint("signals >= 0 AND opened >= 0", name="counts"),
    Index(None, "project", "seq"),
)
