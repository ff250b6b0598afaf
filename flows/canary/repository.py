"""The SQL of the canary: what it has brought about is found, and removed. Nothing here commits.

The tables are those of fast monitoring, which this shares the database with.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from flows.canary.messages import CanaryLeg
from flows.common.canary import NAMESPACE, RUN_NUMBER
from flows.common.messages import msg_type_of
from flows.common.models import Event

_TFS: Final = text("""
    SELECT count(*) FROM swf_fastmon_files AS tf
    JOIN swf_stf_files AS stf ON stf.file_id = tf.stf_file_id
    WHERE stf.stf_filename = :stf_filename AND tf.sampled_by IS NOT NULL
""")
_STFS_OF_CANARY: Final = """
    SELECT file_id FROM swf_stf_files AS stf JOIN fastmon_inbox USING (stf_filename)
    WHERE namespace = :namespace AND fastmon_inbox.run_number = :run_number
      AND state IN ('sampled', 'passed')
"""
# From the TFs up; an STF that still waits is the sampler's, and goes with the next canary.
_REMOVE: Final = (
    text(f"DELETE FROM swf_fastmon_files WHERE stf_file_id IN ({_STFS_OF_CANARY})"),  # noqa: S608 - of constants
    text(f"DELETE FROM swf_stf_files WHERE file_id IN ({_STFS_OF_CANARY})"),  # noqa: S608 - of constants
    text("""
        DELETE FROM fastmon_inbox
        WHERE namespace = :namespace AND run_number = :run_number AND state <> 'waiting'
    """),
    text("""
        DELETE FROM fastmon_first_stf AS first
        WHERE namespace = :namespace AND run_number = :run_number AND NOT EXISTS (
            SELECT FROM fastmon_inbox WHERE namespace = :namespace AND run_number = :run_number)
    """),
    text("""
        DELETE FROM swf_runs AS run
        WHERE run_number = :run_number
          AND NOT EXISTS (SELECT FROM swf_stf_files AS stf WHERE stf.run_id = run.run_id)
          AND NOT EXISTS (SELECT FROM fastmon_first_stf WHERE run_number = :run_number)
    """),
)


def count_tfs(session: Session, stf_filename: str) -> int:
    """How many TF files the sampler has registered of an STF file."""
    return session.scalar(_TFS, {"stf_filename": stf_filename}) or 0


def walked(session: Session, request_id: int) -> list[dict[str, Any]]:
    """The legs that a canary has told of so far, in order."""
    told = select(Event.payload).where(
        Event.request_id == request_id, Event.msg_type == msg_type_of(CanaryLeg)
    )
    return list(session.scalars(told.order_by(Event.id)))


def remove_traces(session: Session) -> None:
    """Remove everything that canaries have brought into the tables of data taking."""
    whose = {"namespace": NAMESPACE, "run_number": RUN_NUMBER}
    for statement in _REMOVE:
        session.execute(statement, whose)
