"""The newest TF files: of all, or of some runs, however old those are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from api.fastmon.queries.heard import KEYS, columns
from api.fastmon.views import Key, TfView, Wanted
from flows.common import canary

FILES_SHOWN: Final = 50

_NEWEST_FILES = text("""
    SELECT tf.tf_filename, stf.stf_filename, coalesce(inbox.namespace, '') AS namespace,
           run.run_number, tf.tf_first, tf.tf_last, tf.file_size_bytes, tf.created_at
    FROM (SELECT * FROM swf_fastmon_files
          ORDER BY created_at DESC, tf_filename DESC LIMIT :limit) AS tf
    JOIN swf_stf_files AS stf ON stf.file_id = tf.stf_file_id
    JOIN swf_runs AS run USING (run_id)
    LEFT JOIN fastmon_inbox AS inbox
      ON inbox.stf_filename = stf.stf_filename AND inbox.state <> 'set_aside'
    WHERE inbox.namespace IS DISTINCT FROM :canary
    ORDER BY tf.created_at DESC, tf.tf_filename DESC
""")
# Of some runs: the files of their newest STFs, which an index finds, however old they are.
_FILES_OF = text(f"""
    WITH newest AS (
        SELECT listed.namespace, listed.run_number, stf.stf_filename, stf.received_at AS heard_at
        FROM {KEYS}
        CROSS JOIN LATERAL (
            SELECT stf_filename, received_at FROM fastmon_inbox AS inbox
            WHERE inbox.namespace = listed.namespace AND inbox.run_number = listed.run_number
              AND state = 'sampled'
            ORDER BY received_at DESC LIMIT :limit) AS stf
        UNION ALL
        SELECT listed.namespace, listed.run_number, newest.stf_filename, newest.created_at
        FROM {KEYS}
        JOIN swf_runs AS run USING (run_number)
        CROSS JOIN LATERAL (
            SELECT stf_filename, created_at FROM swf_stf_files AS stf
            WHERE stf.run_id = run.run_id ORDER BY created_at DESC LIMIT :limit) AS newest
        WHERE listed.namespace = '' AND NOT EXISTS (
            SELECT FROM fastmon_inbox AS inbox
            WHERE inbox.stf_filename = newest.stf_filename AND inbox.state <> 'set_aside')
        ORDER BY heard_at DESC LIMIT :limit)
    SELECT tf.tf_filename, newest.stf_filename, namespace, run_number,
           tf.tf_first, tf.tf_last, tf.file_size_bytes, tf.created_at
    FROM newest
    -- One look-up each: joined otherwise, all TF files would be read.
    CROSS JOIN LATERAL (
        SELECT file_id FROM swf_stf_files AS stf
        WHERE stf.stf_filename = newest.stf_filename OFFSET 0) AS stf
    CROSS JOIN LATERAL (
        SELECT * FROM swf_fastmon_files AS file WHERE file.stf_file_id = stf.file_id OFFSET 0) AS tf
    ORDER BY tf.created_at DESC, tf.tf_filename DESC LIMIT :limit
""")  # noqa: S608 - constants


def read(session: Session, wanted: Wanted, keys: Sequence[Key]) -> tuple[TfView, ...]:
    """The newest files of what is wanted; `keys` are its runs."""
    is_all = wanted.namespace is None and wanted.run is None
    query = _NEWEST_FILES if is_all else _FILES_OF
    more = {"canary": canary.NAMESPACE} if is_all else {}
    rows = session.execute(query, {**columns(keys), "limit": FILES_SHOWN, **more}).mappings()
    return tuple(TfView.model_validate(dict(row)) for row in rows)
