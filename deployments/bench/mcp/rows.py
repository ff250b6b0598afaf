"""A day's rows of a busy testbed: 1e5 messages, STF files, TF files, log records and requests."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, text

ROWS: Final = 100_000
RUNS: Final = 200
NAMESPACE: Final = "bench1"
EXECUTION: Final = "bench-execution-1"
RUN_NUMBER: Final = 500_001
AGENT: Final = "data-agent-bench-1"
STF: Final = "swf.500001.000001.stf"
TF: Final = "swf.500001.000001_0_9.tf"

# Each row is some seconds younger than the one before; the last is new.
_AT: Final = "now() - make_interval(secs => 86400.0 * (:rows - n) / :rows)"
_STATEMENTS: Final = (
    """
    INSERT INTO event (at, msg_type, namespace, run_id, execution_id, payload)
    SELECT @at, (ARRAY['stf_gen', 'stf_ready', 'processing_complete'])[1 + n % 3],
           'bench' || 1 + n % 10, CAST(500001 + n * :runs / (:rows + 1) AS text),
           'bench-execution-' || 1 + n * 100 / (:rows + 1),
           json_build_object('msg_type', 'stf_gen', 'sender', 'data-agent-bench-' || 1 + n % 100,
                             'sender_agent', 'data-agent-bench-' || 1 + n % 100,
                             'filename', 'swf.' || n || '.stf', 'text', repeat('x', 200))
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO swf_workflow_messages
        (message_id, message_type, sender_agent, namespace, run_id, message_content, sent_at)
    SELECT gen_random_uuid(), 'stf_gen', 'data-agent-bench-' || 1 + n % 100,
           'bench' || 1 + n % 10, CAST(500001 + n % :runs AS text), '{"a": 1}', @at
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO swf_runs (run_number, start_time, end_time)
    SELECT 500000 + r, at, at + interval '5 minutes'
    FROM generate_series(1, :runs) AS r,
         LATERAL (SELECT r * :rows / :runs AS n) AS place, LATERAL (SELECT @at AS at) AS time
    """,
    """
    INSERT INTO swf_stf_files
        (file_id, run_id, machine_state, stf_filename, file_size_bytes, created_at, status)
    SELECT gen_random_uuid(), run_id, 'physics',
           'swf.' || run_number || '.' || lpad(CAST(1 + n / :runs AS text), 6, '0') || '.stf',
           2147483648, @at, (ARRAY['registered', 'processed', 'done'])[1 + n % 3]
    FROM generate_series(0, :rows - 1) AS n
    JOIN swf_runs ON run_number = 500001 + n % :runs
    """,
    """
    INSERT INTO swf_fastmon_files
        (tf_file_id, stf_file_id, tf_filename, file_size_bytes, status, created_at, updated_at,
         tf_count, tf_first, tf_last)
    SELECT gen_random_uuid(), file_id, replace(stf_filename, '.stf', '_0_9.tf'), 1000,
           'registered', created_at, created_at, 10, 0, 9
    FROM swf_stf_files WHERE stf_filename LIKE 'swf.5%'
    """,
    """
    INSERT INTO swf_tf_slices
        (fastmon_file_id, slice_id, tf_first, tf_last, tf_count, run_number, status, retries,
         created_at, updated_at)
    SELECT tf_file_id, 1, 0, 9, 10, CAST(split_part(tf_filename, '.', 2) AS int), 'queued', 0,
           created_at, created_at
    FROM swf_fastmon_files WHERE tf_filename LIKE 'swf.5%'
    """,
    """
    INSERT INTO swf_applog
        (app_name, instance_name, timestamp, level, levelname, message, module, funcname, lineno,
         process, thread, extra_data)
    SELECT 'data_agent', 'data-agent-bench-' || 1 + n % 100, @at,
           CASE WHEN n % 50 = 0 THEN 40 ELSE 20 END,
           CASE WHEN n % 50 = 0 THEN 'ERROR' ELSE 'INFO' END,
           'STF ' || n || ' was registered', 'agent', 'run', 7, 4711, 1,
           jsonb_build_object('namespace', 'bench' || 1 + n % 10,
                              'execution_id', 'bench-execution-' || 1 + n * 100 / (:rows + 1))
    FROM generate_series(1, :rows) AS n
    """,
    """
    INSERT INTO request
        (action, parameters, subject, requested_by, source, state, attempts, created_at,
         claimed_at, started_at, finished_at)
    SELECT (ARRAY['check_pipeline', 'fetch_payload_log', 'submit_task'])[1 + n % 3], '{}',
           'subject' || n % 1000, 'user' || n % 20, 'rest',
           CASE WHEN n % 20 = 0 THEN 'failed' ELSE 'completed' END, 1, at, at, at, at
    FROM generate_series(1, :rows) AS n, LATERAL (SELECT @at AS at) AS time
    """,
    """
    INSERT INTO swf_workflow_definitions
        (workflow_name, version, workflow_type, definition, created_by, created_at, updated_at)
    SELECT 'bench', CAST(n AS text), 'simulation', '', 'bench', now(), now()
    FROM generate_series(1, 20) AS n
    """,
    """
    INSERT INTO swf_workflow_executions
        (execution_id, workflow_definition_id, namespace, parameter_values, status, start_time,
         end_time, executed_by)
    SELECT 'bench-execution-' || n / (:rows / 1000), id, 'bench' || 1 + n % 10, '{}',
           'completed', at, at + interval '5 minutes', 'bench'
    FROM generate_series(1, :rows, :rows / 1000) AS n
    JOIN swf_workflow_definitions ON workflow_name = 'bench' AND version = '1',
         LATERAL (SELECT @at AS at) AS time
    """,
    """
    INSERT INTO swf_systemagent
        (instance_name, agent_type, description, status, last_heartbeat, workflow_enabled,
         current_stf_count, total_stf_processed, operational_state, namespace, created_at,
         updated_at)
    SELECT 'data-agent-bench-' || n, 'data', '', 'OK', now(), true, 0, 0, 'READY',
           'bench' || 1 + n % 10, now(), now()
    FROM generate_series(1, 500) AS n
    """,
    """
    INSERT INTO swf_namespace (name, owner, description, created_at, updated_at)
    SELECT 'bench' || n, 'bench', '', now(), now() FROM generate_series(1, 10) AS n
    """,
)
_LAST_LOG: Final = text("SELECT max(id) FROM swf_applog")


def fill(engine: Engine, rows: int = ROWS) -> int:
    """Insert the rows, and have PostgreSQL look at them; gives the id of a log record."""
    with engine.begin() as connection:
        for statement in _STATEMENTS:
            wanted = text(statement.replace("@at", _AT))
            connection.execute(wanted, {"rows": rows, "runs": RUNS})
        log_id = int(connection.execute(_LAST_LOG).scalar_one())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return log_id
