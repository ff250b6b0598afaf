"""An alarm of the canary; which ends of credentials were announced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
oldest_code = "0027"  # it only adds
branch_labels = None
depends_on = None

_BEFORE = (
    "failure_rate", "sweep_failed", "credential_expires", "queue_waits", "part_restarted",
)  # fmt: skip
_KINDS = (*_BEFORE, "canary_failed")


def _words(kinds: tuple[str, ...]) -> str:
    """The words of a rule: those of flows/notifications/domain/words.py and alarms/options.py."""
    names = ", ".join(f"'{each}'" for each in ("", *kinds))
    return f"""
        what IN ('action', 'event', 'alarm')
        AND (outcome IS NULL
             OR outcome IN ('completed', 'failed', 'cancelled', 'unknown', 'noted'))
        AND (what <> 'alarm' OR name IN ({names}))
        AND jsonb_typeof(options) = 'object'
    """


def _take(kinds: tuple[str, ...]) -> None:
    name = op.f("notification_rule_words_check")
    op.drop_constraint(name, "notification_rule")
    op.create_check_constraint(name, "notification_rule", _words(kinds))


def upgrade() -> None:
    _take(_KINDS)
    op.create_table(
        "expiry_notice",
        sa.Column("credential", sa.String(length=200), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("threshold_days", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "credential", "not_after", "threshold_days", name=op.f("expiry_notice_pkey")
        ),
    )
    op.execute("GRANT ALL ON expiry_notice TO prodops_ops")


def downgrade() -> None:
    op.drop_table("expiry_notice")
    op.execute("DELETE FROM notification_rule WHERE what = 'alarm' AND name = 'canary_failed'")
    _take(_BEFORE)
