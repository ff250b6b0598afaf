"""Notifications: channels, rules, watches, addresses, and each message with its fate."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NO_OBJECT = sa.text("'{}'::jsonb")
_WAITING = sa.text("state IN ('pending', 'sending')")

# What the web role may read of a channel: all but where the file with its URL is.
_CHANNEL = (
    "id, name, kind, description, is_open_to_watchers, a_minute, is_enabled, created_at,"
    " last_sent_at, failing_since, last_error"
)

# Whatever ends a request, in the transaction that ends it, so that no end is missed.
_NOTE_END = """
CREATE FUNCTION notification_note_request_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO notification_request_end (request_id, state, at)
    VALUES (NEW.id, NEW.state, clock_timestamp());
    RETURN NULL;
END $$
"""
_ON_END = """
CREATE TRIGGER request_note_end AFTER UPDATE OF state ON request FOR EACH ROW
WHEN (NEW.state IN ('completed', 'failed', 'cancelled', 'unknown')
      AND OLD.state IS DISTINCT FROM NEW.state)
EXECUTE FUNCTION notification_note_request_end()
"""

# A rule may pause tasks with the scopes of its author: the database looks at who writes it. The
# same look keeps one user from turning another's messages.
_CALLER = """
CREATE FUNCTION notification_caller(means text, proof text, named text)
RETURNS text[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who record;
BEGIN
    SELECT * INTO who FROM api_caller(means, proof);
    IF NOT FOUND OR (named <> who.name AND NOT who.is_service) THEN
        RAISE insufficient_privilege
            USING MESSAGE = 'The token was revoked, or the session has ended; sign in again.';
    END IF;
    RETURN who.scopes;
END $$
"""
_SAVE_RULE = """
CREATE FUNCTION notification_rule_save(means text, proof text, rule bigint, wanted jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    author_name text := wanted ->> 'author';
    scopes text[] := notification_caller(means, proof, author_name);
    is_own boolean := author_name IN (wanted ->> 'owner', wanted ->> 'requester')
                      AND wanted ->> 'what' <> 'alarm';
    needed text := CASE WHEN is_own THEN 'request' ELSE 'operate' END;
    saved bigint;
BEGIN
    IF needed <> ALL (scopes) THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'A rule on %s takes the scope %s, which %s has not.',
            CASE WHEN is_own THEN 'what is your own' ELSE 'what is not only your own' END,
            needed, author_name);
    END IF;
    IF 'operate' <> ALL (scopes) AND EXISTS (SELECT FROM notification_channel
            WHERE id = (wanted ->> 'channel_id')::bigint AND NOT is_open_to_watchers) THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'This channel is not open to watchers; a rule to it takes the scope operate, which'
            ' %s has not.', author_name);
    END IF;
    IF rule IS NULL THEN
        INSERT INTO notification_rule (author, channel_id, what, name, outcome, requester, owner,
            campaign, subject, options, is_enabled, created_at, updated_at)
        VALUES (author_name, (wanted ->> 'channel_id')::bigint, wanted ->> 'what',
            wanted ->> 'name', wanted ->> 'outcome', wanted ->> 'requester', wanted ->> 'owner',
            wanted ->> 'campaign', wanted ->> 'subject', wanted -> 'options',
            (wanted ->> 'is_enabled')::boolean, clock_timestamp(), clock_timestamp())
        RETURNING id INTO saved;
    ELSE
        UPDATE notification_rule SET channel_id = (wanted ->> 'channel_id')::bigint,
            what = wanted ->> 'what', name = wanted ->> 'name', outcome = wanted ->> 'outcome',
            requester = wanted ->> 'requester', owner = wanted ->> 'owner',
            campaign = wanted ->> 'campaign', subject = wanted ->> 'subject',
            options = wanted -> 'options', is_enabled = (wanted ->> 'is_enabled')::boolean,
            updated_at = clock_timestamp()
        WHERE id = rule AND author = author_name RETURNING id INTO saved;
    END IF;
    RETURN saved;
END $$
"""
_CHANGE_RULE = """
CREATE FUNCTION notification_rule_change(
    means text, proof text, named text, rule bigint, enabled boolean)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    scopes text[] := notification_caller(means, proof, named);
    whose text;
BEGIN
    SELECT author INTO whose FROM notification_rule WHERE id = rule FOR UPDATE;
    IF whose <> named AND 'operate' <> ALL (scopes) THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'This rule is of %s; changing it takes the scope operate, which %s has not.',
            whose, named);
    END IF;
    IF enabled IS NULL THEN
        DELETE FROM notification_rule WHERE id = rule;
    ELSE
        UPDATE notification_rule SET is_enabled = enabled, updated_at = clock_timestamp()
        WHERE id = rule;
    END IF;
    RETURN whose IS NOT NULL;
END $$
"""
_SET_WATCH = """
CREATE FUNCTION notification_watch_set(means text, proof text, wanted jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    channel bigint := (wanted ->> 'channel_id')::bigint;
    saved bigint;
BEGIN
    PERFORM notification_caller(means, proof, wanted ->> 'username');
    IF channel IS NOT NULL AND NOT EXISTS (SELECT FROM notification_channel
            WHERE id = channel AND is_open_to_watchers) THEN
        RAISE insufficient_privilege USING MESSAGE = 'This channel is not open to watchers.';
    END IF;
    INSERT INTO notification_watch (username, kind, subject, watch_for, channel_id, created_at)
    VALUES (wanted ->> 'username', wanted ->> 'kind', wanted ->> 'subject',
            wanted ->> 'watch_for', channel, clock_timestamp())
    ON CONFLICT (username, kind, subject, watch_for) DO UPDATE SET
        channel_id = excluded.channel_id, fired_at = NULL,
        is_new = notification_watch.is_new OR notification_watch.fired_at IS NOT NULL,
        created_at = CASE WHEN notification_watch.fired_at IS NULL
                          THEN notification_watch.created_at ELSE excluded.created_at END
    RETURNING id INTO saved;
    RETURN saved;
END $$
"""
_REMOVE_WATCH = """
CREATE FUNCTION notification_watch_remove(means text, proof text, named text, watch bigint)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM notification_caller(means, proof, named);
    DELETE FROM notification_watch WHERE id = watch AND username = named;
    RETURN FOUND;
END $$
"""
_SET_ADDRESS = """
CREATE FUNCTION notification_address_set(means text, proof text, named text, address text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM notification_caller(means, proof, named);
    IF address IS NULL THEN
        DELETE FROM notification_address WHERE username = named;
    ELSE
        INSERT INTO notification_address (username, email, registered_at)
        VALUES (named, address, clock_timestamp())
        ON CONFLICT (username) DO UPDATE
        SET email = excluded.email, registered_at = excluded.registered_at;
    END IF;
END $$
"""
_INSIDE = ("notification_note_request_end()", "notification_caller(text, text, text)")
_CALLED = (
    "notification_rule_save(text, text, bigint, jsonb)",
    "notification_rule_change(text, text, text, bigint, boolean)",
    "notification_watch_set(text, text, jsonb)",
    "notification_watch_remove(text, text, text, bigint)",
    "notification_address_set(text, text, text, text)",
)
_FUNCTIONS = (
    _NOTE_END, _CALLER, _SAVE_RULE, _CHANGE_RULE, _SET_WATCH, _REMOVE_WATCH, _SET_ADDRESS,
)  # fmt: skip
_TABLES = (
    "notification_request_end", "notification_position", "notification", "notification_address",
    "notification_watch", "notification_rule", "notification_channel",
)  # fmt: skip


def upgrade() -> None:
    _create_wishes()
    _create_messages()
    for table in _TABLES:
        op.execute(f"GRANT ALL ON {table} TO prodops_ops")
    op.execute(f"GRANT SELECT ({_CHANNEL}) ON notification_channel TO prodops_web")
    for table in ("rule", "watch", "address", "position"):
        op.execute(f"GRANT SELECT ON notification_{table} TO prodops_web")
    op.execute("GRANT SELECT ON notification TO prodops_web")
    for statement in (*_FUNCTIONS, _ON_END):
        op.execute(statement)
    for function in (*_INSIDE, *_CALLED):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for function in _CALLED:
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO prodops_ops, prodops_web")


def downgrade() -> None:
    op.execute("DROP TRIGGER request_note_end ON request")
    for function in (*_CALLED, *reversed(_INSIDE)):
        op.execute(f"DROP FUNCTION {function}")
    for table in _TABLES:
        op.drop_table(table)


def _create_wishes() -> None:
    op.create_table(
        "notification_channel",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("url_file", sa.Text(), nullable=False),
        sa.Column(
            "is_open_to_watchers", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("a_minute", sa.Integer(), server_default=sa.text("30"), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("last_sent_at", _TIME, nullable=True),
        sa.Column("failing_since", _TIME, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_channel_pkey")),
        sa.UniqueConstraint("name", name=op.f("notification_channel_name_key")),
    )
    op.create_table(
        "notification_rule",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("author", sa.String(length=150), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("what", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=100), server_default="", nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("requester", sa.String(length=150), server_default="", nullable=False),
        sa.Column("owner", sa.String(length=150), server_default="", nullable=False),
        sa.Column("campaign", sa.String(length=100), server_default="", nullable=False),
        sa.Column("subject", sa.String(length=500), server_default="", nullable=False),
        sa.Column("options", postgresql.JSONB(), server_default=_NO_OBJECT, nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_rule_pkey")),
        _of_channel("notification_rule", "CASCADE"),
    )
    op.create_index("notification_rule_author_idx", "notification_rule", ["author"])
    op.create_table(
        "notification_watch",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("watch_for", sa.String(length=20), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("is_new", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("fired_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_watch_pkey")),
        sa.UniqueConstraint(
            "username", "kind", "subject", "watch_for",
            name=op.f("notification_watch_username_kind_subject_watch_for_key"),
        ),
        _of_channel("notification_watch", "CASCADE"),
    )  # fmt: skip
    op.create_index(
        "notification_watch_subject_idx", "notification_watch", ["kind", "subject"],
        postgresql_where=sa.text("fired_at IS NULL"),
    )  # fmt: skip
    op.create_index(
        "notification_watch_new_idx", "notification_watch", ["id"],
        postgresql_where=sa.text("is_new"),
    )  # fmt: skip
    op.create_table(
        "notification_address",
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("registered_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("username", name=op.f("notification_address_pkey")),
    )


def _create_messages() -> None:
    op.create_table(
        "notification",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("recipient", sa.String(length=150), nullable=False),
        sa.Column("address", sa.String(length=320), nullable=True),
        sa.Column("rule_id", sa.BigInteger(), nullable=True),
        sa.Column("watch_id", sa.BigInteger(), nullable=True),
        sa.Column("username", sa.String(length=150), nullable=True),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("what", sa.String(length=10), nullable=True),
        sa.Column("name", sa.String(length=100), server_default="", nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=500), server_default="", nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", postgresql.JSONB(), server_default=_NO_OBJECT, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("summary_id", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", _TIME, nullable=True),
        sa.Column("handed_over_at", _TIME, nullable=True),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_pkey")),
        sa.UniqueConstraint("dedup_key", name=op.f("notification_dedup_key_key")),
        _of_channel("notification", "SET NULL"),
        sa.ForeignKeyConstraint(
            ["summary_id"], ["notification.id"], ondelete="SET NULL",
            name=op.f("notification_summary_id_fkey"),
        ),
    )  # fmt: skip
    op.create_index("notification_recipient_idx", "notification", ["recipient", "id"])
    op.create_index("notification_summary_idx", "notification", ["summary_id"])
    op.create_index("notification_at_idx", "notification", ["at"])
    op.create_index("notification_handed_over_at_idx", "notification", ["handed_over_at"])
    op.create_index(
        "notification_due_idx", "notification", ["channel_id", "id"], postgresql_where=_WAITING
    )
    op.create_table(
        "notification_position",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("notification_position_pkey")),
    )
    op.create_table(
        "notification_request_end",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("notification_request_end_pkey")),
    )


def _of_channel(table: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["channel_id"], ["notification_channel.id"], ondelete=ondelete,
        name=op.f(f"{table}_channel_id_fkey"),
    )  # fmt: skip
