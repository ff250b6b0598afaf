"""The messages that the sampler sends (fastmon contract sections 1.7 and 1.9).

They carry `processed_by`, never `agent_name`: the original monitor takes a message with both
`agent_name` and `status` for a heartbeat.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from flows.common.claims import Claim
from flows.common.database import now
from flows.common.events import NewEvent, message_event
from flows.common.messages import EventBody, Timestamp
from flows.common.settings import settings
from flows.fastmon.domain import TfFile, tf_file_id
from flows.fastmon.models import InboxStf


class SamplerMessage(EventBody):
    """What every message of the sampler says."""

    namespace: str | None = Field(
        None, description="That of the STF; null where it has none.", examples=["testbed"]
    )
    sender: str = Field(
        description="Name of the sampler (`PRODOPS_FASTMON_AGENT_NAME`).",
        examples=["fastmon-agent-prodops-1"],
    )
    processed_by: str = Field(
        description="The same, for the stream's `agents` filter.",
        examples=["fastmon-agent-prodops-1"],
    )
    message: str = Field(description="What happened, in words.", examples=["TF file registered"])
    timestamp: Timestamp = Field(description="When, in UTC.")


class TfFileRegistered(SamplerMessage):
    """A TF file was registered: one for each, in the transaction that registers it."""

    SUBJECT: ClassVar = "the STF's file name"

    msg_type: Literal["tf_file_registered"]
    status: Literal["registered"] = Field(description="Always the same.")
    run_id: str = Field(description="The run.", examples=["100123"])
    run_number: str = Field(description="The same.", examples=["100123"])
    execution_id: str | None = Field(
        description="That of the `stf_ready`, or null.", examples=["stf_datataking-olga-0007"]
    )
    tf_file_id: str = Field(
        description="Id of its row (a UUID), made from its name.",
        examples=["0b7f1f5e-6c1d-5a8e-9d3b-2f6a41c7e900"],
    )
    tf_filename: str = Field(
        description="`<stf>_tf_NNN.tf`.", examples=["swf.100123.000001_tf_001.tf"]
    )
    stf_filename: str = Field(
        description="File name of the STF.", examples=["swf.100123.000001.stf"]
    )
    tf_first: int = Field(
        ge=0, description="First TF of its block, counted from 0.", examples=[140]
    )
    tf_last: int = Field(ge=0, description="Last TF of its block.", examples=[279])
    tf_count: int = Field(ge=1, description="TFs of its block.", examples=[140])
    file_size_bytes: int = Field(
        ge=0,
        description="In bytes: the STF's size times `tf_count`, by the STF's TF count.",
        examples=[300647710],
    )


class FastmonStatus(SamplerMessage):
    """A sampling run has begun, ended or failed."""

    SUBJECT: ClassVar = "the namespace"

    msg_type: Literal["fastmon_status"]
    status: Literal["started", "completed", "failed"] = Field(description="What happened.")


EVENTS = (TfFileRegistered, FastmonStatus)


def tf_file_registered(tf: TfFile, stf: InboxStf, *, claim: Claim, at: datetime) -> NewEvent:
    """`tf_file_registered`: the superset of what the original agents announce of a TF file.

    There are thousands a second, so it is not made through its form; a test compares them.
    """
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
