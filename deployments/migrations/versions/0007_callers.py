"""Who may do what: scopes of tokens and users, sessions, and a narrower web role.

The web role asks through functions that look at the token, the session or the proxied name
themselves; what it writes otherwise is named column by column, and ids are the database's alone.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SCOPES = postgresql.ARRAY(sa.Text())

_CALLER = """
CREATE FUNCTION api_caller(means text, proof text)
RETURNS TABLE (name text, scopes text[], is_service boolean, token_id integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT token.owner::text, token.scopes, token.owner = ANY (policy.services), token.id
    FROM api_token AS token, api_policy AS policy
    WHERE means = 'token' AND token.revoked_at IS NULL
      AND token.key_hash = encode(sha256(convert_to(proof, 'UTF8')), 'hex')
    UNION ALL
    SELECT token.owner::text, token.scopes, false, token.id
    FROM api_session AS session JOIN api_token AS token ON token.id = session.token_id
    WHERE means = 'session' AND token.revoked_at IS NULL AND session.expires_at > now()
      AND session.secret_hash = encode(sha256(convert_to(proof, 'UTF8')), 'hex')
    UNION ALL
    SELECT proof, ARRAY(SELECT unnest(coalesce(known.scopes, policy.proxied_scopes))
                        INTERSECT SELECT unnest(policy.proxied_ceiling)), false, NULL
    FROM api_policy AS policy LEFT JOIN api_user AS known ON known.name = proof
    WHERE means = 'proxy' AND proof <> ''
$$
"""

_ACCEPT = """
CREATE FUNCTION request_accept(means text, proof text, wanted jsonb) RETURNS bigint
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
    INSERT INTO request (action, parameters, dedup_key, subject, requested_by, source, created_at)
    VALUES (wanted ->> 'action', wanted -> 'parameters', wanted ->> 'dedup_key',
            wanted ->> 'subject', wanted ->> 'requested_by', wanted ->> 'source',
            -- The web tier's clock, by which its other rows are; not farther off than clocks are.
            greatest(least((wanted ->> 'created_at')::timestamptz,
                           clock_timestamp() + interval '1 minute'),
                     clock_timestamp() - interval '1 minute'))
    ON CONFLICT DO NOTHING
    RETURNING id INTO made;
    RETURN made;
END $$
"""

_CANCEL = """
CREATE FUNCTION request_cancel(means text, proof text, wanted bigint, by text, why text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    who record;
    needed text;
BEGIN
    SELECT * INTO who FROM api_caller(means, proof);
    IF NOT FOUND OR (by <> who.name AND NOT who.is_service) THEN
        RAISE insufficient_privilege
            USING MESSAGE = 'The token was revoked, or the session has ended; sign in again.';
    END IF;
    SELECT CASE WHEN requested_by = by THEN 'request' ELSE 'operate' END INTO needed
    FROM request WHERE id = wanted;
    IF needed <> ALL (who.scopes) THEN
        RAISE insufficient_privilege USING MESSAGE = format(
            'Cancelling this takes the scope %s, which %s has not.', needed, who.name);
    END IF;
    INSERT INTO cancellation (request_id, requested_by, reason, at)
    VALUES (wanted, by, why, now())
    ON CONFLICT DO NOTHING;
END $$
"""

_OPEN_SESSION = """
CREATE FUNCTION api_session_open(key text, secret text, seconds integer) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM api_session WHERE expires_at < now())
    INSERT INTO api_session (secret_hash, token_id, created_at, expires_at)
    SELECT encode(sha256(convert_to(secret, 'UTF8')), 'hex'), token_id, now(),
           now() + make_interval(secs => seconds)
    FROM api_caller('token', key)
    RETURNING true
$$
"""

_CLOSE_SESSION = """
CREATE FUNCTION api_session_close(secret text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM api_session
    WHERE secret_hash = encode(sha256(convert_to(secret, 'UTF8')), 'hex')
$$
"""

_FUNCTIONS = (
    "api_caller(text, text)",
    "request_accept(text, text, jsonb)",
    "request_cancel(text, text, bigint, text, text)",
    "api_session_open(text, text, integer)",
    "api_session_close(text)",
)

_RECORD = "description, created_by, created_at"
_CHANGED_RECORD = f"{_RECORD}, updated_at"
_COLUMNS = {
    "pcs_campaign": f"name, lifecycle, start_date, end_date, clone_of_id, data, {_CHANGED_RECORD}",
    "pcs_dataset": "dataset_name, composed_name, scope, detector_version, detector_config, "
    "campaign_id, physics_tag_id, evgen_tag_id, simu_tag_id, reco_tag_id, background_tag_id, "
    "sample_name, block_num, blocks, did, file_count, data_size, metadata, source_kind, "
    f"source_location, {_RECORD}",
    "pcs_panda_tasks": "prod_task_id, try_number, jedi_task_id, task_name, out_ds, log_ds, site, "
    "status_snapshot, association_source, match_reason, metadata, created_at, updated_at",
    "pcs_physics_category": f"digit, name, {_RECORD}",
    "pcs_prod_config": "name, bg_mixing, bg_cross_section, bg_evtgen_file, copy_reco, copy_full, "
    "copy_log, use_rucio, jug_xl_tag, container_image, target_hours_per_job, events_per_task, "
    "condor_template, panda_site, panda_queue, panda_working_group, panda_resource_type, "
    f"rucio_rse, rucio_replication_rules, data, {_CHANGED_RECORD}",
    "pcs_prod_request": "simu_path, gen_config, nevents, background, status, source_url, "
    "source_row, input_status, rucio_source, validation_status, data, requestor, priority, "
    f"pre_tdr_use, early_science_use, other_use, new_request, {_CHANGED_RECORD}",
    "pcs_prod_task": "name, status, dataset_id, prod_config_id, campaign_id, request_id, "
    "csv_file, overrides, condor_command, panda_command, panda_task_id, condor_cluster_id, "
    f"requestor, priority, pre_tdr_use, early_science_use, other_use, new_request, "
    f"{_CHANGED_RECORD}",
    "pcs_tag": "kind, tag_number, tag_label, status, category_digit, parameters, "
    f"{_CHANGED_RECORD}",
    "pcs_tag_counter": "kind, last_number",
    "swf_runs": "run_number, start_time, end_time, run_conditions",
    "swf_stf_files": "file_id, run_id, machine_state, stf_filename, file_size_bytes, checksum, "
    "created_at, status, metadata, workflow_id, daq_state, daq_substate, workflow_status, "
    "tf_count",
    "swf_fastmon_files": "tf_file_id, stf_file_id, tf_filename, file_size_bytes, checksum, "
    "status, metadata, created_at, updated_at, tf_count, tf_first, tf_last",
}
"""What the web role may insert and change of its own surfaces; ids are not among it."""
_MADE_ONCE = frozenset({"created_by", "created_at", "kind", "digit", "tag_number"})

_EVENT = "at, msg_type, namespace, run_id, processed_by, subject, payload"
_BORDER = (
    """REVOKE DELETE ON pcs_campaign, pcs_dataset, pcs_physics_category, pcs_tag_counter
       FROM prodops_web""",
    "REVOKE INSERT, UPDATE ON request, cancellation, event FROM prodops_web",
    "GRANT UPDATE (joined_at) ON request TO prodops_web",
    f"GRANT INSERT ({_EVENT}, request_id, flow_run_id) ON event TO prodops_web",
    # What names a request or a run is announced by the ops side alone.
    "ALTER TABLE event ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY ops ON event TO prodops_ops USING (true) WITH CHECK (true)",
    "CREATE POLICY web_reads ON event FOR SELECT TO prodops_web USING (true)",
    """CREATE POLICY web_inserts ON event FOR INSERT TO prodops_web
       WITH CHECK (request_id IS NULL AND flow_run_id IS NULL)""",
    "REVOKE ALL ON api_token FROM prodops_web",
    """GRANT SELECT (id, owner, note, scopes, created_at, revoked_at)
       ON api_token TO prodops_web""",
    "GRANT SELECT ON api_user, api_policy, api_action TO prodops_web",
    "GRANT ALL ON api_user, api_session, api_policy, api_action TO prodops_ops",
)

# Who asked is the request's own column; what waits was accepted with the former fields.
_FORMER_FIELDS = """
UPDATE request SET parameters = parameters - 'created_by' - 'requested_by'
    - CASE action WHEN 'submit_task' THEN 'owner' ELSE 'created_by' END
WHERE state IN ('queued', 'claimed', 'running', 'unknown')
"""
# A retry took parameters of any name, of which today's form has some only. One that was sent is
# looked into, whatever it changed, and must not be refused; its record keeps what was sent.
_SENT_RETRIES = """
UPDATE request SET parameters = request.parameters - 'new_parameters'
FROM panda_operation AS operation
WHERE operation.request_id = request.id AND operation.sent_at IS NOT NULL
    AND request.action = 'panda_task_operation'
    AND request.state IN ('queued', 'claimed', 'running', 'unknown')
"""


def upgrade() -> None:
    _create_tables()
    op.execute("INSERT INTO api_policy DEFAULT VALUES")
    for statement in (_CALLER, _ACCEPT, _CANCEL, _OPEN_SESSION, _CLOSE_SESSION):
        op.execute(statement)
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO prodops_ops, prodops_web")
    for table, columns in _COLUMNS.items():
        op.execute(f"REVOKE INSERT, UPDATE ON {table} FROM prodops_web")
        changed = ", ".join(each for each in columns.split(", ") if each not in _MADE_ONCE)
        op.execute(f"GRANT INSERT ({columns}), UPDATE ({changed}) ON {table} TO prodops_web")
    for statement in _BORDER:
        op.execute(statement)
    op.execute(_FORMER_FIELDS)
    op.execute(_SENT_RETRIES)


def _create_tables() -> None:
    default = sa.text("'{read,message,request}'::text[]")
    op.add_column("api_token", sa.Column("scopes", _SCOPES, nullable=False, server_default=default))
    op.create_table(
        "api_user",
        sa.Column("name", sa.String(length=150), nullable=False),
        sa.Column("scopes", _SCOPES, nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("api_user_pkey")),
    )
    op.create_table(
        "api_session",
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["token_id"],
            ["api_token.id"],
            name=op.f("api_session_token_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("api_session_pkey")),
    )
    op.create_table(
        "api_policy",
        sa.Column("is_only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column(
            "proxied_scopes",
            _SCOPES,
            server_default=sa.text("'{read,request}'::text[]"),
            nullable=False,
        ),
        sa.Column(
            "proxied_ceiling",
            _SCOPES,
            server_default=sa.text("'{read,request,operate}'::text[]"),
            nullable=False,
        ),
        sa.Column("services", _SCOPES, server_default="{}", nullable=False),
        sa.CheckConstraint("is_only", name=op.f("api_policy_is_only_check")),
        sa.PrimaryKeyConstraint("is_only", name=op.f("api_policy_pkey")),
    )
    op.create_table(
        "api_action",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("api_action_pkey")),
    )
