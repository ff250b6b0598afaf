"""What Prometheus counts: changes of requests' states, restarts of parts; where a trace goes on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
oldest_code = "0027"  # it only adds
branch_labels = None
depends_on = None

_SINCE = """
CREATE FUNCTION request_note_since() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.state_since := now();
    RETURN NEW;
END $$
"""
_TRANSITION = """
CREATE FUNCTION request_note_transition() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO request_transition (action, state, seconds, at)
        VALUES (NEW.action, NEW.state, 0, now());
    ELSE
        INSERT INTO request_transition (action, left_state, state, seconds, at)
        VALUES (NEW.action, OLD.state, NEW.state,
                greatest(0, extract(epoch FROM now() - coalesce(OLD.state_since, OLD.created_at))),
                now());
    END IF;
    RETURN NULL;
END $$
"""
_TRIGGERS = (
    """
    CREATE TRIGGER request_since BEFORE UPDATE OF state ON request FOR EACH ROW
    WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION request_note_since()
    """,
    """
    CREATE TRIGGER request_changed AFTER UPDATE OF state ON request FOR EACH ROW
    WHEN (NEW.state IS DISTINCT FROM OLD.state) EXECUTE FUNCTION request_note_transition()
    """,
    # Of history that is copied in, nothing is counted.
    """
    CREATE TRIGGER request_made AFTER INSERT ON request FOR EACH ROW
    WHEN (NEW.finished_at IS NULL) EXECUTE FUNCTION request_note_transition()
    """,
)
_ACCEPT = """
CREATE OR REPLACE FUNCTION request_accept(means text, proof text, wanted jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who record;
    needed text;
    made bigint;
BEGIN
    SELECT * INTO who FROM api_caller(means, proof);
    IF NOT FOUND THEN
        RAISE insufficient_privilege
            USING MESSAGE = 'The token was revoked, or the session has ended; sign in again.';
    END IF;
    SELECT scope INTO needed FROM api_action WHERE name = wanted ->> 'action';
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE =
            format('The ops side has not declared the action %s.', wanted ->> 'action');
    END IF;
    IF needed <> ALL (who.scopes) THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            '%s takes the scope %s, which %s has not.', wanted ->> 'action', needed, who.name);
    END IF;
    IF wanted ->> 'requested_by' <> who.name AND NOT who.is_service THEN
        RAISE insufficient_privilege USING MESSAGE =
            format('Only a named service may speak for another; this is %s.', who.name);
    END IF;
    INSERT INTO request (action, parameters, dedup_key, subject, requested_by, source, created_at
                         {column})
    VALUES (wanted ->> 'action', wanted -> 'parameters', wanted ->> 'dedup_key',
            wanted ->> 'subject', wanted ->> 'requested_by', wanted ->> 'source',
            -- The web tier's clock, by which its other rows are; not farther off than clocks are.
            greatest(least((wanted ->> 'created_at')::timestamptz,
                           clock_timestamp() + interval '1 minute'),
                     clock_timestamp() - interval '1 minute')
            {value})
    ON CONFLICT DO NOTHING
    RETURNING id INTO made;
    RETURN made;
END $$
"""
_SEQUENCES = ("event_id_seq", "fastmon_inbox_id_seq")
_TABLES = ("request_transition", "request_entered", "request_time")


def upgrade() -> None:
    op.add_column("request", sa.Column("state_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("request", sa.Column("traceparent", sa.String(length=55), nullable=True))
    op.add_column(
        "ops_part", sa.Column("restarts", sa.Integer(), server_default="0", nullable=False)
    )
    _create_tables()
    for statement in (_SINCE, _TRANSITION, *_TRIGGERS):
        op.execute(statement)
    op.execute(_ACCEPT.format(column=", traceparent", value=", left(wanted ->> 'traceparent', 55)"))
    for table in _TABLES:
        op.execute(f"GRANT ALL ON {table} TO prodops_ops")
        op.execute(f"GRANT SELECT ON {table} TO prodops_web")
    op.execute("GRANT SELECT (restarts) ON ops_part TO prodops_web")
    for sequence in _SEQUENCES:
        op.execute(f"GRANT SELECT ON SEQUENCE {sequence} TO prodops_ops, prodops_web")


def _create_tables() -> None:
    op.create_table(
        "request_transition",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        _action(),
        sa.Column("left_state", sa.String(length=20), nullable=True),
        _state(),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("request_transition_pkey")),
    )
    op.create_table(
        "request_entered",
        _action(),
        _state(),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("action", "state", name=op.f("request_entered_pkey")),
    )
    op.create_table(
        "request_time",
        _action(),
        _state(),
        sa.Column("upto_seconds", sa.Double(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("action", "state", "upto_seconds", name=op.f("request_time_pkey")),
    )


def _action() -> sa.Column[str]:
    return sa.Column("action", sa.String(length=100), nullable=False)


def _state() -> sa.Column[str]:
    return sa.Column("state", sa.String(length=20), nullable=False)


def downgrade() -> None:
    for sequence in _SEQUENCES:
        op.execute(f"REVOKE SELECT ON SEQUENCE {sequence} FROM prodops_web")  # noqa: S608 - of constants
    op.execute(_ACCEPT.format(column="", value=""))
    for trigger in ("request_since", "request_changed", "request_made"):
        op.execute(f"DROP TRIGGER {trigger} ON request")
    op.execute("DROP FUNCTION request_note_transition")
    op.execute("DROP FUNCTION request_note_since")
    for table in _TABLES:
        op.drop_table(table)
    op.drop_column("ops_part", "restarts")
    op.drop_column("request", "traceparent")
    op.drop_column("request", "state_since")
