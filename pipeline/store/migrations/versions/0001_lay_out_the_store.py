"""Lay out decisions, outcomes, profiles, policies, ledger and alerts, and lock the append-only ones.

Nothing is imported from `pipeline`: a released revision keeps its meaning when the code moves on.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

APPEND_ONLY = ("decisions", "overrides", "outcomes", "policies", "ledger", "alert_events")


def upgrade() -> None:
    """Create everything."""
    _policies_and_ledger()
    _decisions()
    _outcomes()
    _profiles()
    _alerts()
    lock = _lock_on_sqlite if op.get_bind().dialect.name == "sqlite" else _lock_on_postgresql
    lock()


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _instant(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _document(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=nullable)


def _double(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=nullable)


def _seq() -> sa.Column[int]:
    return sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), nullable=False)


def _check_outcome(table: str) -> sa.CheckConstraint:
    return sa.CheckConstraint("outcome IN ('approve', 'review', 'decline')", name=op.f(f"ck_{table}_outcome"))


def _policies_and_ledger() -> None:
    op.create_table(
        "policies",
        _text("id"),
        _text("project"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        _text("run_id"),
        _double("approve_below"),
        _double("decline_above"),
        _document("costs"),
        _document("baseline"),
        _text("rationale"),
        _text("author"),
        _instant("created_at"),
        _text("sha256"),
        sa.CheckConstraint(
            "0 <= approve_below AND approve_below <= decline_above AND decline_above <= 1",
            name=op.f("ck_policies_cutoffs"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sa.UniqueConstraint("project", "number", name=op.f("uq_policies_project_number")),
    )
    op.create_table(
        "ledger",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        _text("project"),
        _instant("at"),
        _text("event"),
        _text("actor"),
        sa.Column("actor_verified", sa.Boolean(), nullable=False),
        _document("subject"),
        _text("reason"),
        _document("evidence"),
        _text("prev_hash"),
        _text("hash"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger")),
        sa.UniqueConstraint("hash", name=op.f("uq_ledger_hash")),
        sa.UniqueConstraint("project", "prev_hash", name=op.f("uq_ledger_project_prev_hash")),
    )
    op.create_index(op.f("ix_ledger_project_at"), "ledger", ["project", "at"])


def _decisions() -> None:
    op.create_table(
        "decisions",
        _seq(),
        _text("id"),
        _text("project"),
        _text("idempotency_key", nullable=True),
        _instant("decided_at"),
        _text("source"),
        _text("applicant_id", nullable=True),
        sa.Column("model_version", sa.Integer(), nullable=False),
        _text("model_sha256"),
        _text("run_id"),
        _text("policy_id"),
        _document("inputs"),
        _double("pd"),
        _text("grade", nullable=True),
        _text("outcome"),
        _document("reasons"),
        _document("shadow", nullable=True),
        _double("latency_ms", nullable=True),
        _document("warnings"),
        sa.CheckConstraint("source IN ('form', 'batch', 'http', 'replay')", name=op.f("ck_decisions_source")),
        _check_outcome("decisions"),
        sa.CheckConstraint("pd >= 0 AND pd <= 1", name=op.f("ck_decisions_pd")),
        sa.ForeignKeyConstraint(["policy_id"], ["policies.id"], name=op.f("fk_decisions_policy_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_decisions")),
        sa.UniqueConstraint("id", name=op.f("uq_decisions_id")),
        sa.UniqueConstraint("project", "idempotency_key", name=op.f("uq_decisions_project_idempotency_key")),
    )
    op.create_index(op.f("ix_decisions_project_decided_at"), "decisions", ["project", "decided_at"])
    op.create_index(op.f("ix_decisions_project_applicant_id"), "decisions", ["project", "applicant_id"])
    op.create_index(op.f("ix_decisions_project_outcome_decided_at"), "decisions", ["project", "outcome", "decided_at"])
    op.create_table(
        "overrides",
        _text("id"),
        _text("decision_id"),
        _text("author"),
        _text("reason"),
        _text("note", nullable=True),
        _text("outcome"),
        _instant("at"),
        _check_outcome("overrides"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_overrides_decision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overrides")),
    )
    op.create_index(op.f("ix_overrides_decision_id"), "overrides", ["decision_id"])


def _outcomes() -> None:
    op.create_table(
        "outcomes",
        _seq(),
        _text("id"),
        _text("project"),
        _text("subject_id"),
        _instant("known_at"),
        sa.Column("defaulted", sa.Boolean(), nullable=False),
        _double("cash", nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint("revision >= 1", name=op.f("ck_outcomes_revision")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outcomes")),
        sa.UniqueConstraint("id", name=op.f("uq_outcomes_id")),
        sa.UniqueConstraint("project", "subject_id", "revision", name=op.f("uq_outcomes_project_subject_id_revision")),
    )
    op.create_index(op.f("ix_outcomes_project_known_at"), "outcomes", ["project", "known_at"])


def _profiles() -> None:
    key = ("project", "day", "model_version", "segment", "feature", "bin")
    op.create_table(
        "profiles",
        _text("project"),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        _text("segment"),
        _text("feature"),
        _text("bin"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("count >= 0", name=op.f("ck_profiles_count")),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_profiles")),
    )
    op.create_table(
        "profile_marks",
        _text("project"),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        _instant("updated_at"),
        sa.PrimaryKeyConstraint("project", name=op.f("pk_profile_marks")),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        _text("id"),
        _text("project"),
        _text("rule"),
        _text("layer"),
        _text("severity"),
        _text("feature", nullable=True),
        _text("period"),
        _instant("opened_at"),
        _document("payload"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_project_opened_at"), "alerts", ["project", "opened_at"])
    op.create_table(
        "alert_events",
        _seq(),
        _text("alert_id"),
        _instant("at"),
        _text("event"),
        _text("actor"),
        _text("note", nullable=True),
        sa.CheckConstraint("event IN ('opened', 'acknowledged', 'resolved', 'delivered')", name=op.f("ck_alert_events_event")),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"], name=op.f("fk_alert_events_alert_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_alert_events")),
    )
    op.create_index(op.f("ix_alert_events_alert_id"), "alert_events", ["alert_id"])


def _lock_on_sqlite() -> None:
    # INSERT OR REPLACE meets the DELETE trigger, because the engine sets PRAGMA recursive_triggers.
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: {verb} refused'); END"
            )


def _lock_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for table in APPEND_ONLY:
        # Per statement: TRUNCATE has no rows, and ON CONFLICT DO UPDATE fires it even when nothing conflicts.
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
