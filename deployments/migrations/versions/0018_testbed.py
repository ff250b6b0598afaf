"""Commands to users' testbeds: asked for on the web, taken by the user's controller."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# A controller starts programs and sends signals: the database looks at who asks for that.
_ADD = """
CREATE FUNCTION testbed_command_add(means text, proof text, wanted jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who record;
    needed text;
    made bigint;
BEGIN
    SELECT * INTO who FROM api_caller(means, proof);
    IF NOT FOUND OR (wanted ->> 'requested_by' <> who.name AND NOT who.is_service) THEN
        RAISE insufficient_privilege
            USING MESSAGE = 'The token was revoked, or the session has ended; sign in again.';
    END IF;
    needed := CASE WHEN wanted ->> 'username' = wanted ->> 'requested_by'
                   THEN 'request' ELSE 'operate' END;
    IF needed <> ALL (who.scopes) THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'Commanding this testbed takes the scope %s, which %s has not.', needed, who.name);
    END IF;
    DELETE FROM testbed_command WHERE requested_at < clock_timestamp() - interval '90 days';
    INSERT INTO testbed_command (username, verb, target, config, requested_by, requested_at, state)
    VALUES (wanted ->> 'username', wanted ->> 'verb', wanted ->> 'target', wanted ->> 'config',
            wanted ->> 'requested_by', clock_timestamp(), 'waiting')
    RETURNING id INTO made;
    RETURN made;
END $$
"""
_FUNCTION = "testbed_command_add(text, text, jsonb)"


def upgrade() -> None:
    op.create_table(
        "testbed_command",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("username", sa.String(length=100), nullable=False),
        sa.Column("verb", sa.String(length=20), nullable=False),
        sa.Column("target", sa.String(length=100), nullable=True),
        sa.Column("config", sa.String(length=100), nullable=True),
        sa.Column("requested_by", sa.String(length=150), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("taken_by", sa.String(length=200), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("testbed_command_pkey")),
    )
    op.create_index(
        "testbed_command_open_idx",
        "testbed_command",
        ["username"],
        postgresql_where=sa.text("state IN ('waiting', 'taken')"),
    )
    op.execute("GRANT ALL ON testbed_command TO prodops_ops")
    op.execute("GRANT SELECT ON testbed_command TO prodops_web")
    op.execute(
        "GRANT UPDATE (state, taken_by, taken_at, ended_at, result, error)"
        " ON testbed_command TO prodops_web"
    )
    op.execute(_ADD)
    op.execute(f"REVOKE ALL ON FUNCTION {_FUNCTION} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_FUNCTION} TO prodops_ops, prodops_web")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {_FUNCTION}")
    op.drop_table("testbed_command")
