"""Rows that are rare among very many are found by an index, whichever filter asks for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
oldest_code = "0027"  # it only adds indexes, and columns to two
branch_labels = None
depends_on = None

_FAILED = "state IN ('failed', 'cancelled')"
_NEW = {
    "swf_applog_level_idx": ("swf_applog", ["level", "id"], None),
    "swf_applog_levelname_idx": ("swf_applog", ["levelname", "id"], None),
    "swf_applog_part_problems_idx": ("swf_applog", ["app_name", "timestamp", "id"], "level >= 30"),
    "notification_state_idx": ("notification", ["state", "id"], None),
    "notification_outcome_idx": ("notification", ["outcome", "id"], None),
    "notification_name_idx": ("notification", ["name", "id"], None),
    "notification_subject_idx": ("notification", ["subject", "id"], None),
    "fastmon_tally_run_idx": ("fastmon_tally", ["run_number", "kind"], "at = '-infinity'"),
}
# In the order of the list, with what else is asked for: that is looked at in the index alone.
_WIDER = {
    "request_failed_idx": ("request", ["state", "id", "action", "requested_by"], _FAILED),
    "request_requested_by_idx": ("request", ["requested_by", "id", "action"], None),
}
_NARROWER = {
    "request_failed_idx": ("request", ["state", "id"], _FAILED),
    "request_requested_by_idx": ("request", ["requested_by", "id"], None),
}

Indexes = dict[str, tuple[str, list[str], str | None]]


def _create(indexes: Indexes) -> None:
    for name, (table, columns, where) in indexes.items():
        condition = None if where is None else sa.text(where)
        op.create_index(name, table, columns, postgresql_where=condition)


def _drop(indexes: Indexes) -> None:
    for name, (table, _, _) in indexes.items():
        op.drop_index(name, table)


def upgrade() -> None:
    _drop(_NARROWER)
    _create(_WIDER)
    _create(_NEW)


def downgrade() -> None:
    _drop(_NEW)
    _drop(_WIDER)
    _create(_NARROWER)
