"""Tables of data taking and the STF/TF sampling: the inbox, runs, files, slices, run states."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.database import AwareTime, Base, now


class InboxState(StrEnum):
    """What became of an STF that a message announced."""

    WAITING = "waiting"
    SAMPLED = "sampled"
    PASSED = "passed"
    SET_ASIDE = "set_aside"


class FileStatus(StrEnum):
    """Status of an STF or TF file (contract: the original's FileStatus)."""

    REGISTERED = "registered"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"
    DONE = "done"


class InboxStf(Base):
    """An announced STF, once: a redelivery finds its row and changes nothing.

    What its message says of it, and sampling needs, is in columns; the body is in its event.
    """

    __tablename__ = "fastmon_inbox"
    __table_args__ = (
        Index("fastmon_inbox_name_key", "namespace", "stf_filename", unique=True),
        Index(
            "fastmon_inbox_owner_key",
            "stf_filename",
            unique=True,
            postgresql_where=text("state <> 'set_aside'"),
        ),
        Index(
            "fastmon_inbox_waiting_idx",
            "namespace",
            "id",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("fastmon_inbox_stf_filename_idx", "stf_filename"),
        Index("fastmon_inbox_run_idx", "namespace", "run_number", "received_at"),
        Index("fastmon_inbox_aside_idx", "id", postgresql_where=text("state = 'set_aside'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    namespace: Mapped[str] = mapped_column(String(100), server_default="")
    stf_filename: Mapped[str] = mapped_column(String(255))
    run_number: Mapped[int | None]
    is_first: Mapped[bool] = mapped_column(server_default=text("false"))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    tf_count: Mapped[int | None]
    checksum: Mapped[str | None] = mapped_column(String(64))
    daq_state: Mapped[str | None] = mapped_column(String(20))
    daq_substate: Mapped[str | None] = mapped_column(String(20))
    execution_id: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[InboxState] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(AwareTime)
    decided_at: Mapped[datetime | None] = mapped_column(AwareTime)
    request_id: Mapped[int | None] = mapped_column(BigInteger)


class FirstStf(Base):
    """The first STF that was accepted of a run; it is always sampled."""

    __tablename__ = "fastmon_first_stf"

    namespace: Mapped[str] = mapped_column(String(100), primary_key=True)
    run_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stf_filename: Mapped[str] = mapped_column(String(255))


class TallyKind(StrEnum):
    """What is counted of a data-taking run."""

    ANNOUNCED = "announced"
    """STFs in the inbox, by when they came."""
    SAMPLED = "sampled"
    """Those of them that were sampled, by when they came."""
    TFS = "tfs"
    """TF files, by when they were registered."""


class Tally(Base):
    """How many rows of a kind came for a run, in five seconds from `at` on; `-infinity`: in all.

    Triggers on the tables that are counted write it, so that no page has to count millions. The
    total goes on counting what was pruned.
    """

    __tablename__ = "fastmon_tally"
    __table_args__ = (
        Index(
            "fastmon_tally_last_at_idx",
            "kind",
            "last_at",
            postgresql_where=text("at = '-infinity'"),
        ),
        Index(
            "fastmon_tally_run_idx",
            "run_number",
            "kind",
            postgresql_where=text("at = '-infinity'"),
        ),
    )

    namespace: Mapped[str] = mapped_column(String(100), primary_key=True)
    run_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[TallyKind] = mapped_column(String(20), primary_key=True)
    at: Mapped[datetime] = mapped_column(AwareTime, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    volume_bytes: Mapped[int] = mapped_column(BigInteger)
    first_at: Mapped[datetime] = mapped_column(AwareTime)
    last_at: Mapped[datetime] = mapped_column(AwareTime)


class PrunedRun(Base):
    """A run whose files are no longer kept: an STF of it that comes again is not taken anew."""

    __tablename__ = "fastmon_pruned_run"

    run_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pruned_at: Mapped[datetime] = mapped_column(AwareTime)
    is_empty: Mapped[bool] = mapped_column(server_default=text("false"))


class SamplerLease(Base):
    """Which request serves a namespace's inbox: a successor takes the row over."""

    __tablename__ = "fastmon_lease"

    namespace: Mapped[str] = mapped_column(String(100), primary_key=True)
    request_id: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(AwareTime)


class WatchedFile(Base):
    """A file that the directory scan has seen: its size, since when, and whether it was taken."""

    __tablename__ = "fastmon_watched_file"
    __table_args__ = (Index("fastmon_watched_file_taken_at_idx", "taken_at"),)

    path: Mapped[str] = mapped_column(Text, primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime] = mapped_column(AwareTime)
    unchanged_since: Mapped[datetime] = mapped_column(AwareTime)
    taken_at: Mapped[datetime | None] = mapped_column(AwareTime)
    outcome: Mapped[str | None] = mapped_column(Text)


class Run(Base):
    """A data-taking run. `run_number` is the messages' `run_id`; `run_id` is the row's key."""

    __tablename__ = "swf_runs"

    run_id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    run_number: Mapped[int] = mapped_column(unique=True)
    start_time: Mapped[datetime] = mapped_column(AwareTime)
    end_time: Mapped[datetime | None] = mapped_column(AwareTime)
    run_conditions: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class StfFile(Base):
    """A Super Time Frame file."""

    __tablename__ = "swf_stf_files"
    __table_args__ = (
        Index("swf_stf_files_created_at_idx", "created_at"),
        Index("swf_stf_files_run_id_idx", "run_id", "created_at"),
        Index(
            "swf_stf_files_status_idx",
            "status",
            "created_at",
            "file_id",
            postgresql_where=text("status <> 'processed'"),
        ),
    )

    file_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    run_id: Mapped[int] = mapped_column(ForeignKey("swf_runs.run_id"))
    machine_state: Mapped[str] = mapped_column(String(64), default="physics")
    stf_filename: Mapped[str] = mapped_column(String(255), unique=True)
    file_size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    checksum: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    status: Mapped[FileStatus] = mapped_column(String(20), default=FileStatus.REGISTERED)
    # "metadata" is taken by the models' base.
    meta: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)
    workflow_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    daq_state: Mapped[str | None] = mapped_column(String(20))
    daq_substate: Mapped[str | None] = mapped_column(String(20))
    workflow_status: Mapped[str | None] = mapped_column(String(30))
    tf_count: Mapped[int | None]


class FastmonFile(Base):
    """A TF file sampled from an STF: frames `tf_first` to `tf_last`, both counted from 0."""

    __tablename__ = "swf_fastmon_files"
    __table_args__ = (
        Index("swf_fastmon_files_stf_file_id_idx", "stf_file_id"),
        Index("swf_fastmon_files_created_at_idx", "created_at"),
        Index(
            "swf_fastmon_files_status_idx",
            "status",
            "created_at",
            "tf_file_id",
            postgresql_where=text("status <> 'registered'"),
        ),
    )

    tf_file_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    stf_file_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("swf_stf_files.file_id"))
    tf_filename: Mapped[str] = mapped_column(String(255), unique=True)
    file_size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    checksum: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[FileStatus] = mapped_column(String(20), default=FileStatus.REGISTERED)
    meta: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    tf_count: Mapped[int | None]
    tf_first: Mapped[int | None]
    tf_last: Mapped[int | None]
    # The request that sampled it; null when an agent registered it over REST. The web role may
    # write only the latter (row-level security).
    sampled_by: Mapped[int | None] = mapped_column(BigInteger)


class TfSlice(Base):
    """A part of a TF file that one worker processes.

    `tf_filename` is not in the contract: the slice's own name, as older agents send it.
    """

    __tablename__ = "swf_tf_slices"
    __table_args__ = (
        UniqueConstraint("fastmon_file_id", "slice_id"),
        Index("swf_tf_slices_run_number_idx", "run_number", "status"),
        Index("swf_tf_slices_tf_filename_idx", "tf_filename"),
        Index("swf_tf_slices_created_at_idx", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    fastmon_file_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("swf_fastmon_files.tf_file_id", ondelete="CASCADE")
    )
    tf_filename: Mapped[str | None] = mapped_column(String(255))
    slice_id: Mapped[int]
    tf_first: Mapped[int]
    tf_last: Mapped[int]
    tf_count: Mapped[int]
    run_number: Mapped[int]
    status: Mapped[str] = mapped_column(String(20), default="queued")
    retries: Mapped[int] = mapped_column(default=0)
    meta: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    assigned_worker: Mapped[str | None] = mapped_column(String(255))
    assigned_at: Mapped[datetime | None] = mapped_column(AwareTime)
    completed_at: Mapped[datetime | None] = mapped_column(AwareTime)


class RunState(Base):
    """How a data-taking run stands, by its lifecycle messages and what agents write."""

    __tablename__ = "swf_run_state"

    run_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    phase: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    substate: Mapped[str | None] = mapped_column(String(20))
    target_worker_count: Mapped[int] = mapped_column(default=0)
    active_worker_count: Mapped[int] = mapped_column(default=0)
    stf_samples_received: Mapped[int] = mapped_column(default=0)
    slices_created: Mapped[int] = mapped_column(default=0)
    slices_queued: Mapped[int] = mapped_column(default=0)
    slices_processing: Mapped[int] = mapped_column(default=0)
    slices_completed: Mapped[int] = mapped_column(default=0)
    slices_failed: Mapped[int] = mapped_column(default=0)
    state_changed_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    meta: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)


class SystemStateEvent(Base):
    """A change of the state of data taking, as an agent noted it."""

    __tablename__ = "swf_system_state_events"
    __table_args__ = (
        Index("swf_system_state_events_run_number_idx", "run_number", "event_id"),
        Index("swf_system_state_events_timestamp_idx", "timestamp"),
    )

    event_id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    timestamp: Mapped[datetime] = mapped_column(AwareTime)
    run_number: Mapped[int]
    event_type: Mapped[str] = mapped_column(String(50))
    state: Mapped[str] = mapped_column(String(20))
    substate: Mapped[str | None] = mapped_column(String(20))
    event_data: Mapped[Any] = mapped_column(JSONB, default=dict)


class Worker(Base):
    """A PanDA worker that processes TF slices."""

    __tablename__ = "swf_workers"
    __table_args__ = (Index("swf_workers_run_number_idx", "run_number", "status"),)

    worker_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    run_number: Mapped[int]
    panda_job: Mapped[str] = mapped_column(String(255), default="")
    location: Mapped[str] = mapped_column(String(255), default="")
    status: Mapped[str] = mapped_column(String(20))
    current_slice_id: Mapped[int | None]
    tf_filename: Mapped[str | None] = mapped_column(String(255))
    slices_completed: Mapped[int] = mapped_column(default=0)
    last_heartbeat: Mapped[datetime | None] = mapped_column(AwareTime)
    started_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(AwareTime)
    meta: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)
