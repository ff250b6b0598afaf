"""The messages that the sampler sends (fastmon contract sections 1.7 and 1.9).

They carry `processed_by`, never `agent_name`: the original monitor takes a message with both
`agent_name` and `status` for a heartbeat.
"""

from __future__ import annotations

from datetime import datetime

from flows.common.claims import Claim
from flows.common.database import now
from flows.common.events import NewEvent, message_event
from flows.common.settings import settings
from flows.fastmon.domain import TfFile, tf_file_id
from flows.fastmon.models import InboxStf


def tf_file_registered(tf: TfFile, stf: InboxStf, *, claim: Claim, at: datetime) -> NewEvent:
    """`tf_file_registered`: the superset of what the original agents announce of a TF file."""
    agent = settings().fastmon.agent_name
    body = {
        "msg_type": "tf_file_registered",
        "namespace": stf.namespace or None,
        "run_id": str(stf.run_number),
        "run_number": str(stf.run_number),
        "execution_id": stf.execution_id,
        "processed_by": agent,
        "tf_file_id": str(tf_file_id(tf.name)),
        "tf_filename": tf.name,
        "tf_first": tf.tf_first,
        "tf_last": tf.tf_last,
        "tf_count": tf.tf_count,
        "file_size_bytes": tf.size_bytes,
        "stf_filename": stf.stf_filename,
        "status": "registered",
        "timestamp": at.isoformat(),
        "message": f"TF file {tf.name} registered for fast monitoring",
        "sender": agent,
    }
    return message_event(
        body,
        at=at,
        subject=stf.stf_filename,
        request_id=claim.request_id,
        flow_run_id=claim.flow_run_id,
    )


def fastmon_status(namespace: str, status: str, text: str, *, request_id: int) -> NewEvent:
    """`fastmon_status`: a sampling run began, ended or failed."""
    at = now()
    agent = settings().fastmon.agent_name
    body = {
        "msg_type": "fastmon_status",
        "namespace": namespace or None,
        "processed_by": agent,
        "status": status,
        "message": text,
        "timestamp": at.isoformat(),
        "sender": agent,
    }
    return message_event(body, at=at, subject=namespace or None, request_id=request_id)
