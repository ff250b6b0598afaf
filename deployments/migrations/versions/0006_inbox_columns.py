"""The inbox holds what sampling needs of a message in columns; the body itself is in its event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = (
    sa.Column("size_bytes", sa.BigInteger()),
    sa.Column("tf_count", sa.Integer()),
    sa.Column("checksum", sa.String(length=64)),
    sa.Column("daq_state", sa.String(length=20)),
    sa.Column("daq_substate", sa.String(length=20)),
    sa.Column("execution_id", sa.String(length=100)),
)
_FILL = """
    UPDATE fastmon_inbox SET
        size_bytes = cast(
            message ->> CASE WHEN message ? 'size_bytes' THEN 'size_bytes' ELSE 'size' END
            AS bigint),
        tf_count = cast(message ->> 'tf_count' AS int),
        checksum = message ->> 'checksum',
        daq_state = message ->> 'state',
        daq_substate = message ->> 'substate',
        execution_id = message ->> 'execution_id'
    WHERE state = 'waiting'
"""


def upgrade() -> None:
    for column in _COLUMNS:
        op.add_column("fastmon_inbox", column)
    op.execute(_FILL)
    op.drop_column("fastmon_inbox", "message")
    names = ", ".join(column.name for column in _COLUMNS)
    op.execute(f"GRANT INSERT ({names}) ON fastmon_inbox TO prodops_web")
