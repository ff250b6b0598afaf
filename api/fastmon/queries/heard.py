"""The runs that a page lists: those that were heard last, whatever their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from api.fastmon.views import QUIET_SECONDS, Key, Wanted
from flows.common import canary

RUNS_SHOWN: Final = 50
WINDOW_SECONDS: Final = 900
"""How far the plot looks back where no single run is asked for, and a mere announcement counts."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

KEYS: Final = """
    unnest(cast(:namespaces AS text[]), cast(:numbers AS int[])) AS listed (namespace, run_number)
"""
# Each query gives runs with when they were last heard, the last first. One index look-up finds a
# run's last STF, so that a run is found whatever its number, and however many came since.
_ANNOUNCED = text("""
    SELECT namespace, run_number, last_at AS heard_at FROM fastmon_tally
    WHERE kind = 'announced' AND at = '-infinity' AND number > 0
      AND (cast(:namespace AS text) IS NULL OR namespace = :namespace)
      AND (cast(:run AS int) IS NULL OR run_number = :run)
    ORDER BY last_at DESC LIMIT :limit
""")

# Those of which TF files come now: of STFs that waited, it may be the only sign.
_SAMPLED_NOW = text("""
    SELECT coalesce(inbox.namespace, '') AS namespace, run_number, max(tf.created_at) AS heard_at
    FROM swf_fastmon_files AS tf
    JOIN swf_stf_files AS stf ON stf.file_id = tf.stf_file_id
    JOIN swf_runs AS run USING (run_id)
    LEFT JOIN (SELECT namespace, stf_filename FROM fastmon_inbox WHERE state <> 'set_aside')
           AS inbox USING (stf_filename)
    WHERE tf.created_at >= :quiet_since
      AND (cast(:namespace AS text) IS NULL OR coalesce(inbox.namespace, '') = :namespace)
      AND (cast(:run AS int) IS NULL OR run_number = :run)
    GROUP BY 1, 2
""")

# Runs that agents registered over REST: no message announced their STFs.
_REGISTERED = text("""
    SELECT '' AS namespace, run_number,
           greatest(least(start_time, now()), last.created_at) AS heard_at
    FROM swf_runs AS run
    LEFT JOIN LATERAL (
        SELECT created_at FROM swf_stf_files AS stf WHERE stf.run_id = run.run_id
        ORDER BY created_at DESC LIMIT 1) AS last ON true
    WHERE coalesce(cast(:namespace AS text), '') = ''
      AND (cast(:run AS int) IS NULL OR run_number = :run)
      AND NOT EXISTS (SELECT FROM fastmon_first_stf AS first
                      WHERE first.run_number = run.run_number)
    ORDER BY heard_at DESC NULLS LAST LIMIT :limit
""")

# Literal types, so that the partial indexes on them can be used.
LIFECYCLE_TYPES: Final = "('run_imminent', 'start_run', 'pause_run', 'resume_run', 'end_run')"
_CALLED = text(f"""
    SELECT coalesce(namespace, '') AS namespace, cast(run_id AS int) AS run_number,
           max(at) AS heard_at
    FROM event
    WHERE msg_type IN {LIFECYCLE_TYPES} AND run_id ~ '^[0-9]{{1,9}}$'
      AND (at >= :window_since OR run_id = cast(:run AS text))
      AND (cast(:namespace AS text) IS NULL OR coalesce(namespace, '') = :namespace)
      AND (cast(:run AS text) IS NULL OR run_id = :run)
    GROUP BY 1, 2
""")  # noqa: S608 - constants


def heard_last(session: Session, wanted: Wanted, at: datetime) -> list[Key]:
    """The runs that were heard last, whatever their numbers."""
    asked = {
        "namespace": wanted.namespace,
        "run": wanted.run,
        "limit": RUNS_SHOWN,
        "quiet_since": at - timedelta(seconds=QUIET_SECONDS),
        "window_since": at - timedelta(seconds=WINDOW_SECONDS),
    }
    named = asked | {"run": None if wanted.run is None else str(wanted.run)}
    heard: dict[Key, datetime] = {}
    queries = ((_ANNOUNCED, asked), (_SAMPLED_NOW, asked), (_REGISTERED, asked), (_CALLED, named))
    for query, values in queries:
        for row in session.execute(query, values):
            key = (row.namespace, row.run_number)
            if row.namespace == canary.NAMESPACE and wanted.namespace != canary.NAMESPACE:
                continue
            heard[key] = max(heard.get(key, _NEVER), row.heard_at or _NEVER)
    return sorted(heard, key=lambda key: (heard[key], key), reverse=True)[:RUNS_SHOWN]


def columns(keys: Sequence[Key]) -> dict[str, list[Any]]:
    """The parameters of `KEYS`."""
    return {"namespaces": [key[0] for key in keys], "numbers": [key[1] for key in keys]}
