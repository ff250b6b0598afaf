"""Rules and watches are of known words, and what told a watch or an alarm's request is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# The words are those of flows/notifications/domain/words.py and alarms/options.py.
_RULE = """
    what IN ('action', 'event', 'alarm')
    AND (outcome IS NULL
         OR outcome IN ('completed', 'failed', 'cancelled', 'unknown', 'noted'))
    AND (what <> 'alarm' OR name IN (
        '', 'failure_rate', 'sweep_failed', 'credential_expires', 'queue_waits', 'part_restarted'))
    AND jsonb_typeof(options) = 'object'
"""
_WATCH = """
    CASE kind
        WHEN 'task' THEN watch_for IN ('submitted', 'complete', 'failed', 'ended')
        WHEN 'request' THEN watch_for IN ('complete', 'failed', 'ended')
        WHEN 'dataset' THEN watch_for IN ('arrived', 'complete')
        WHEN 'campaign' THEN watch_for IN ('arrived', 'complete')
        WHEN 'path' THEN watch_for IN ('arrived', 'complete')
        ELSE false END
"""
_WORDS = {"notification_rule": _RULE, "notification_watch": _WATCH}


def upgrade() -> None:
    for table, words in _WORDS.items():
        # No form lets such a row through, and nobody could be told by it.
        op.execute(f"DELETE FROM {table} WHERE NOT ({words})")  # noqa: S608 - of constants
        op.create_check_constraint(op.f(f"{table}_words_check"), table, words)
    op.add_column(
        "notification_watch", sa.Column("notification_id", sa.BigInteger(), nullable=True)
    )
    op.create_index(
        "notification_watch_told_idx",
        "notification_watch",
        ["username"],
        postgresql_where=sa.text("notification_id IS NOT NULL"),
    )
    op.create_index(
        "notification_alarm_request_idx",
        "notification_alarm",
        ["request_id"],
        postgresql_where=sa.text("request_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("notification_alarm_request_idx", "notification_alarm")
    op.drop_column("notification_watch", "notification_id")
    for table in _WORDS:
        op.drop_constraint(op.f(f"{table}_words_check"), table)
