"""Tokens that their owner makes and revokes; that end; that show when they were used last.

The web role still writes no token: it calls functions, which look at the caller's proof themselves.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_CALLER = """
CREATE OR REPLACE FUNCTION api_caller(means text, proof text)
RETURNS TABLE (name text, scopes text[], is_service boolean, token_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT token.owner::text, token.scopes, token.owner = ANY (policy.services), token.id
    FROM api_token AS token, api_policy AS policy
    WHERE means = 'token' AND {is_good}
      AND token.key_hash = encode(sha256(convert_to(proof, 'UTF8')), 'hex')
    UNION ALL
    SELECT token.owner::text, token.scopes, false, token.id
    FROM api_session AS session JOIN api_token AS token ON token.id = session.token_id
    WHERE means = 'session' AND {is_good} AND session.expires_at > now()
      AND session.secret_hash = encode(sha256(convert_to(proof, 'UTF8')), 'hex')
    UNION ALL
    SELECT proof, ARRAY(SELECT unnest(coalesce(known.scopes, policy.proxied_scopes))
                        INTERSECT SELECT unnest(policy.proxied_ceiling)), false, NULL
    FROM api_policy AS policy LEFT JOIN api_user AS known ON known.name = proof
    WHERE means = 'proxy' AND proof <> ''
$$
"""
_FORMERLY_GOOD = "token.revoked_at IS NULL"
_GOOD = f"{_FORMERLY_GOOD} AND (token.expires_at IS NULL OR token.expires_at > now())"

# A proxied name is no proof of a token: whoever took the web tier over could name anybody. A
# service speaks for others, so its tokens are made on the ops side alone.
_CREATE = """
CREATE FUNCTION api_token_create(means text, proof text, wanted jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    own api_token;
    wanted_scopes text[] := ARRAY(SELECT jsonb_array_elements_text(wanted -> 'scopes'));
    expiry timestamptz := (wanted ->> 'expires_at')::timestamptz;
    made integer;
BEGIN
    SELECT token.* INTO own FROM api_caller(means, proof) AS who
    JOIN api_token AS token ON token.id = who.token_id;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE =
            'Tokens are made by whoever has a good one; sign in with it.';
    END IF;
    IF EXISTS (SELECT FROM api_policy WHERE own.owner = ANY (services)) THEN
        RAISE insufficient_privilege USING MESSAGE =
            format('%s is a service: its tokens are made on the ops side.', own.owner);
    END IF;
    IF cardinality(wanted_scopes) = 0 OR NOT wanted_scopes <@ own.scopes THEN
        RAISE insufficient_privilege USING MESSAGE =
            'A token may permit no more than the one that it is made with.';
    END IF;
    IF expiry IS NULL OR expiry <= now() OR expiry > now() + interval '367 days'
       OR expiry > own.expires_at THEN
        RAISE insufficient_privilege USING MESSAGE =
            'A token ends within a year, and no later than the one that it is made with.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('api_token ' || own.owner, 0));
    DELETE FROM api_token AS token
    WHERE token.owner = own.owner AND token.made_with_id IS NOT NULL
      AND least(token.revoked_at, token.expires_at) < now() - interval '90 days';
    IF (SELECT count(*) FILTER (WHERE {is_good}) >= 20
            OR count(*) FILTER (WHERE token.created_at > now() - interval '1 day') >= 60
        FROM api_token AS token WHERE token.owner = own.owner) THEN
        RAISE insufficient_privilege USING MESSAGE =
            'Nobody makes more than 60 tokens a day, or has more than 20: revoke one first.';
    END IF;
    INSERT INTO api_token (owner, note, key_hash, scopes, created_at, expires_at, made_with_id)
    VALUES (own.owner, wanted ->> 'note', wanted ->> 'key_hash', wanted_scopes, now(), expiry,
            own.id)
    RETURNING id INTO made;
    RETURN made;
END $$
"""

_REVOKE = """
CREATE FUNCTION api_token_revoke(means text, proof text, wanted integer, with_made boolean)
RETURNS SETOF integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    own api_token;
BEGIN
    SELECT token.* INTO own FROM api_caller(means, proof) AS who
    JOIN api_token AS token ON token.id = who.token_id;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING MESSAGE =
            'Tokens are revoked by whoever has a good one; sign in with it.';
    END IF;
    IF NOT EXISTS (SELECT FROM api_token AS token WHERE token.id = wanted
                   AND token.owner = own.owner AND token.scopes <@ own.scopes) THEN
        RAISE insufficient_privilege USING MESSAGE =
            'A token revokes itself, and its owner''s others that permit no more than it does.';
    END IF;
    RETURN QUERY
    WITH RECURSIVE chosen AS (
        SELECT wanted AS id
        UNION
        SELECT token.id FROM api_token AS token JOIN chosen ON token.made_with_id = chosen.id
        WHERE with_made
    )
    UPDATE api_token AS token SET revoked_at = now() FROM chosen
    WHERE token.id = chosen.id AND token.revoked_at IS NULL
    RETURNING token.id;
END $$
"""

# Whoever reads is not kept waiting for this, nor refused where it cannot be noted.
_NOTE_USE = """
CREATE FUNCTION api_token_note_use(means text, proof text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
        RETURN;
    END IF;
    UPDATE api_token SET last_used_at = now() WHERE id = (
        SELECT token.id FROM api_caller(means, proof) AS who
        JOIN api_token AS token ON token.id = who.token_id
        WHERE token.last_used_at IS NULL OR token.last_used_at < now() - interval '5 minutes'
        FOR NO KEY UPDATE OF token SKIP LOCKED
    );
EXCEPTION WHEN disk_full OR read_only_sql_transaction THEN
    RETURN;
END $$
"""

_FUNCTIONS = (
    "api_token_create(text, text, jsonb)",
    "api_token_revoke(text, text, integer, boolean)",
    "api_token_note_use(text, text)",
)


def upgrade() -> None:
    op.add_column("api_token", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_token", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_token", sa.Column("made_with_id", sa.Integer(), nullable=True))
    op.create_foreign_key(
        "api_token_made_with_id_fkey",
        "api_token",
        "api_token",
        ["made_with_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index("api_token_owner_idx", "api_token", ["owner"])
    op.execute("GRANT SELECT (expires_at, last_used_at, made_with_id) ON api_token TO prodops_web")
    op.execute(_CALLER.format(is_good=_GOOD))
    op.execute(_CREATE.format(is_good=_GOOD))
    op.execute(_REVOKE)
    op.execute(_NOTE_USE)
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO prodops_ops, prodops_web")


def downgrade() -> None:
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute(_CALLER.format(is_good=_FORMERLY_GOOD))
    op.drop_index("api_token_owner_idx", "api_token")
    op.drop_constraint("api_token_made_with_id_fkey", "api_token")
    for column in ("made_with_id", "last_used_at", "expires_at"):
        op.drop_column("api_token", column)
