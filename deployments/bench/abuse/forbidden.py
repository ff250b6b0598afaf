"""Statements that the web role may not execute, as one tries who took it over."""

from __future__ import annotations

from typing import Final

FORBIDDEN: Final = (
    "UPDATE request SET state = 'completed'",
    "UPDATE request SET action = 'check_pipeline', lease_until = now()",
    "INSERT INTO request (action, parameters) VALUES ('check_pipeline', '{}')",
    "INSERT INTO cancellation (request_id, requested_by) SELECT id, 'bench' FROM request",
    "INSERT INTO event (at, msg_type, payload, request_id) VALUES (now(), 'x', '{}', 1)",
    "UPDATE event SET payload = '{}'",
    "DELETE FROM event",
    "INSERT INTO api_token (owner, note, key_hash, created_at) VALUES ('x', '', 'x', now())",
    "UPDATE api_token SET scopes = '{admin}'",
    "DELETE FROM api_token",
    "SELECT key_hash FROM api_token",
    "SELECT * FROM api_session",
    "INSERT INTO api_user (name, scopes, note, updated_at) VALUES ('x', '{admin}', '', now())",
    "UPDATE api_policy SET proxied_ceiling = '{admin}'",
    "DELETE FROM api_action",
    "UPDATE api_action SET scope = 'read'",
    "INSERT INTO swf_fastmon_files SELECT * FROM swf_fastmon_files",
    "UPDATE swf_fastmon_files SET sampled_by = 1",
    "DELETE FROM fastmon_inbox",
    "UPDATE fastmon_inbox SET state = 'sampled'",
    "DELETE FROM provenance_file",
    "UPDATE submission_attempt SET state = 'failed'",
    "DELETE FROM payload_log",
    "TRUNCATE request",
    "DROP TABLE event",
    "ALTER TABLE event DISABLE ROW LEVEL SECURITY",
    "CREATE TABLE abuse (x int)",
    "CREATE FUNCTION abuse() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SET ROLE prodops_ops",
    "COPY event TO PROGRAM 'id'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'prodops_ops'",
    "SELECT lo_import('/etc/passwd')",
    "CREATE EXTENSION dblink",
)  # fmt: skip
