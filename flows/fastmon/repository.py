"""The SQL of fast monitoring, in bulk: a batch costs a handful of statements, whatever its size.

Nothing here commits; the caller's transaction holds a batch together.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from flows.common.claims import Claim
from flows.common.database import among, json_row, now
from flows.fastmon.domain import TfFile, tf_file_id
from flows.fastmon.models import (
    InboxState,
    InboxStf,
    PrunedRun,
    Run,
    SamplerLease,
    StfFile,
    WatchedFile,
)

CHANNEL: Final = "prodops_inbox"


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """An announced STF, on its way into the inbox."""

    namespace: str
    stf_filename: str
    run_number: int | None
    is_first: bool
    size_bytes: int | None
    tf_count: int | None
    checksum: str | None
    daq_state: str | None
    daq_substate: str | None
    execution_id: str | None
    state: InboxState
    reason: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What the inbox knows the STF by."""
        return self.namespace, self.stf_filename


# ------------------------------------------------------------------ the inbox, as intake sees it


def known_names(session: Session, names: Sequence[str]) -> list[InboxStf]:
    """The inbox rows of these file names, whatever their namespace."""
    return list(session.scalars(select(InboxStf).where(among(InboxStf.stf_filename, names))))


def pruned_runs(session: Session, run_numbers: Collection[int]) -> dict[int, datetime]:
    """Those of these runs whose files are no longer kept, with when they were pruned."""
    rows = session.scalars(select(PrunedRun).where(among(PrunedRun.run_number, run_numbers)))
    return {row.run_number: row.pruned_at for row in rows}


_CLAIM_FIRST: Final = text("""
    INSERT INTO fastmon_first_stf (namespace, run_number, stf_filename)
    SELECT row ->> 0, cast(row ->> 1 AS int), row ->> 2
    FROM json_array_elements(cast(:rows AS json)) AS row
    ON CONFLICT DO NOTHING
    RETURNING namespace, stf_filename
""")


def claim_first(session: Session, candidates: Sequence[Arrival]) -> set[tuple[str, str]]:
    """Note the first STF of each run that has none yet; gives the keys of those that became it."""
    first: dict[tuple[str, int], str] = {}
    for arrival in candidates:
        if arrival.run_number is not None:
            first.setdefault((arrival.namespace, arrival.run_number), arrival.stf_filename)
    if not first:
        return set()
    # In key order, so that two transactions never wait for each other.
    new = [(*key, name) for key, name in sorted(first.items())]
    rows = session.execute(_CLAIM_FIRST, {"rows": json.dumps(new)})
    return {(row.namespace, row.stf_filename) for row in rows}


_ARRIVAL_COLUMNS: Final = ", ".join(Arrival.__slots__)
_ARRIVE = text(f"""
    INSERT INTO fastmon_inbox ({_ARRIVAL_COLUMNS}, received_at)
    SELECT {_ARRIVAL_COLUMNS}, cast(:at AS timestamptz)
    FROM json_populate_recordset(NULL::fastmon_inbox, cast(:rows AS json))
    ON CONFLICT DO NOTHING
    RETURNING namespace, stf_filename
""")  # noqa: S608 - constants


def arrive(session: Session, arrivals: Sequence[Arrival], at: datetime) -> set[tuple[str, str]]:
    """Put STFs into the inbox; gives the keys of those that are new there."""
    if not arrivals:
        return set()
    # In key order, so that two transactions never wait for each other.
    rows = [asdict(arrival) for arrival in sorted(arrivals, key=lambda arrival: arrival.key)]
    found = session.execute(_ARRIVE, {"rows": json.dumps(rows), "at": at})
    return {(row.namespace, row.stf_filename) for row in found}


def registered_names(session: Session, run_number: int, limit: int = 1000) -> Sequence[str]:
    """Names of the run's registered STF files that no message has announced."""
    return session.scalars(
        select(StfFile.stf_filename)
        .join(Run, Run.run_id == StfFile.run_id)
        .outerjoin(InboxStf, InboxStf.stf_filename == StfFile.stf_filename)
        .where(Run.run_number == run_number, InboxStf.id.is_(None))
        .order_by(StfFile.created_at)
        .limit(limit)
    ).all()


def notify_sampler(session: Session, namespace: str) -> None:
    """Notify the namespace's sampling run, at the commit, that its inbox has something."""
    session.execute(select(func.pg_notify(CHANNEL, namespace)))


def unserved_namespaces(session: Session) -> Sequence[str]:
    """Namespaces whose inbox waits although no sampling request is open for them."""
    return session.scalars(
        text("""
                SELECT DISTINCT inbox.namespace FROM fastmon_inbox AS inbox
                WHERE inbox.state = 'waiting' AND NOT EXISTS (
                    SELECT FROM request
                    WHERE request.action = 'sample_stfs'
                      AND request.dedup_key = 'namespace:' || inbox.namespace
                      AND request.state IN ('queued', 'claimed', 'running', 'unknown'))
            """)
    ).all()


# ------------------------------------------------------------------ the lease on an inbox


def take_lease(session: Session, namespace: str, holder: Claim) -> bool:
    """Take the namespace's inbox over; False where a later request has it."""
    row = {
        "request_id": holder.request_id,
        "attempt": holder.attempt,
        "taken_at": now(),
    }
    taken = session.scalar(
        insert(SamplerLease)
        .values(namespace=namespace, **row)
        .on_conflict_do_update(
            index_elements=[SamplerLease.namespace],
            set_=row,
            where=SamplerLease.request_id <= holder.request_id,
        )
        .returning(SamplerLease.request_id)
    )
    return taken is not None


def has_lease(session: Session, namespace: str, holder: Claim) -> bool:
    """Whether the holder still serves the namespace; if so, it does to the transaction's end."""
    found = session.scalar(
        select(SamplerLease.request_id)
        .where(
            SamplerLease.namespace == namespace,
            SamplerLease.request_id == holder.request_id,
            SamplerLease.attempt == holder.attempt,
        )
        .with_for_update(read=True)
    )
    return found is not None


# ------------------------------------------------------------------ a batch, as the sampler sees it


def next_batch(session: Session, namespace: str, limit: int) -> Sequence[InboxStf]:
    """The oldest waiting STFs of the namespace, locked."""
    return session.scalars(
        select(InboxStf)
        .where(InboxStf.namespace == namespace, InboxStf.state == InboxState.WAITING)
        .order_by(InboxStf.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def is_empty(session: Session, namespace: str) -> bool:
    """Whether nothing waits in the namespace's inbox."""
    waiting = session.scalar(
        select(InboxStf.id)
        .where(InboxStf.namespace == namespace, InboxStf.state == InboxState.WAITING)
        .limit(1)
    )
    return waiting is None


def ensure_runs(session: Session, run_numbers: Sequence[int], at: datetime) -> dict[int, int]:
    """Row keys of the runs by number; a run that is unknown is created."""
    numbers = sorted(set(run_numbers))
    known = _runs(session, numbers)
    missing = [number for number in numbers if number not in known]
    if missing:
        session.execute(
            insert(Run).on_conflict_do_nothing(),
            [{"run_number": number, "start_time": at} for number in missing],
        )
        known = _runs(session, numbers)
    return known


def _runs(session: Session, numbers: Sequence[int]) -> dict[int, int]:
    rows = session.execute(select(Run.run_number, Run.run_id).where(among(Run.run_number, numbers)))
    return {row.run_number: row.run_id for row in rows}


def ensure_stfs(
    session: Session, announced: Sequence[tuple[InboxStf, int]], at: datetime
) -> dict[str, StfFile]:
    """The STF rows by name, locked; one that is unknown is created as its message described it.

    Each comes with its run's row key.
    """
    names = [stf.stf_filename for stf, _ in announced]
    known = _stfs(session, names)
    missing = [(stf, run) for stf, run in announced if stf.stf_filename not in known]
    if missing:
        # In name order, so that two transactions never wait for each other.
        missing.sort(key=lambda each: each[0].stf_filename)
        created = [_stf_row(stf, run_id, at) for stf, run_id in missing]
        session.execute(insert(StfFile).on_conflict_do_nothing(), created)
        known = _stfs(session, names)
    return known


def _stf_row(stf: InboxStf, run_id: int, at: datetime) -> dict[str, Any]:
    return {
        "file_id": uuid.uuid4(),
        "run_id": run_id,
        "stf_filename": stf.stf_filename,
        "file_size_bytes": stf.size_bytes,
        "tf_count": stf.tf_count,
        "checksum": stf.checksum,
        "daq_state": stf.daq_state,
        "daq_substate": stf.daq_substate,
        "machine_state": "physics",
        "status": "registered",
        "created_at": at,
    }


def _stfs(session: Session, names: Sequence[str]) -> dict[str, StfFile]:
    rows = session.scalars(
        select(StfFile)
        .where(among(StfFile.stf_filename, names))
        .order_by(StfFile.file_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.stf_filename: row for row in rows}


_REGISTER = text("""
    INSERT INTO swf_fastmon_files (tf_file_id, stf_file_id, tf_filename, file_size_bytes, status,
        metadata, created_at, updated_at, tf_count, tf_first, tf_last, sampled_by)
    SELECT tf_file_id, stf_file_id, tf_filename, file_size_bytes, 'registered', metadata,
           cast(:at AS timestamptz), cast(:at AS timestamptz), tf_count, tf_first, tf_last,
           cast(:sampled_by AS bigint)
    FROM json_to_recordset(cast(:rows AS json)) AS new (
        tf_file_id uuid, stf_file_id uuid, tf_filename text, file_size_bytes bigint, tf_count int,
        tf_first int, tf_last int, metadata jsonb)
    ON CONFLICT DO NOTHING
    RETURNING tf_filename
""")


@dataclass(frozen=True, kw_only=True)
class NewTf:
    """A TF file to register under its STF, with what its row says of its making."""

    tf: TfFile
    stf_file_id: uuid.UUID
    metadata: str


def register_tfs(
    session: Session, new: Sequence[NewTf], *, sampled_by: int, at: datetime
) -> set[str]:
    """Register TF files; gives the names of those that were not there before."""
    if not new:
        return set()
    rows = "[" + ",".join(_tf_row(each) for each in new) + "]"
    named = {"rows": rows, "sampled_by": sampled_by, "at": at}
    return set(session.scalars(_REGISTER, named))


def _tf_row(new: NewTf) -> str:
    tf = new.tf
    columns = {
        "tf_file_id": tf_file_id(tf.name),
        "stf_file_id": new.stf_file_id,
        "tf_filename": tf.name,
        "file_size_bytes": tf.size_bytes,
        "tf_count": tf.tf_count,
        "tf_first": tf.tf_first,
        "tf_last": tf.tf_last,
    }
    return json_row(columns, metadata=new.metadata)


def tf_owners(session: Session, names: Sequence[str]) -> dict[str, uuid.UUID]:
    """The STFs that own these TF file names."""
    rows = session.execute(
        text("""
            SELECT tf_filename, stf_file_id FROM swf_fastmon_files
            WHERE tf_filename = ANY(:names)
        """),
        {"names": list(names)},
    )
    return {row.tf_filename: row.stf_file_id for row in rows}


_DECIDE_STFS = text("""
    UPDATE swf_stf_files AS stf
    SET status = new.status,
        metadata = coalesce(stf.metadata, '{}'::jsonb) || new.metadata,
        file_size_bytes = coalesce(stf.file_size_bytes, new.size_bytes),
        tf_count = coalesce(stf.tf_count, new.tf_count)
    FROM unnest(
        cast(:file_id AS uuid[]), cast(:status AS text[]), cast(:metadata AS jsonb[]),
        cast(:size_bytes AS bigint[]), cast(:tf_count AS int[]))
      AS new (file_id, status, metadata, size_bytes, tf_count)
    WHERE stf.file_id = new.file_id
""")

_DECIDE_INBOX = text("""
    UPDATE fastmon_inbox AS inbox
    SET state = new.state, reason = new.reason, decided_at = cast(:at AS timestamptz),
        request_id = cast(:request_id AS bigint)
    FROM unnest(cast(:id AS bigint[]), cast(:state AS text[]), cast(:reason AS text[]))
      AS new (id, state, reason)
    WHERE inbox.id = new.id
""")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided of an STF; `metadata` is JSON text that is merged into its row's."""

    inbox_id: int
    state: InboxState
    reason: str | None = None
    file_id: uuid.UUID | None = None
    status: str = "processed"
    metadata: str = "{}"
    size_bytes: int | None = None
    tf_count: int | None = None


def decide(
    session: Session, decisions: Sequence[Decision], *, request_id: int, at: datetime
) -> None:
    """Write the decisions to the STFs' rows and to the inbox."""
    on_rows = [each for each in decisions if each.file_id is not None]
    if on_rows:
        names = ("file_id", "status", "metadata", "size_bytes", "tf_count")
        session.execute(
            _DECIDE_STFS, {name: [getattr(each, name) for each in on_rows] for name in names}
        )
    session.execute(
        _DECIDE_INBOX,
        {
            "id": [each.inbox_id for each in decisions],
            "state": [each.state for each in decisions],
            "reason": [each.reason for each in decisions],
            "request_id": request_id,
            "at": at,
        },
    )


# ------------------------------------------------------------------ files that the scan has seen


def watched_files(session: Session, paths: Sequence[str]) -> dict[str, WatchedFile]:
    """What is known of these files, by path."""
    rows = session.scalars(select(WatchedFile).where(among(WatchedFile.path, paths)))
    return {row.path: row for row in rows}


_NOTE_WATCHED: Final = text("""
    INSERT INTO fastmon_watched_file (path, size_bytes, modified_at, unchanged_since)
    SELECT path, size_bytes, modified_at, cast(:at AS timestamptz)
    FROM unnest(
        cast(:path AS text[]), cast(:size_bytes AS bigint[]), cast(:modified_at AS timestamptz[]))
      AS seen (path, size_bytes, modified_at)
    ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes,
        modified_at = excluded.modified_at, unchanged_since = excluded.unchanged_since
""")

_NOTE_TAKEN: Final = text("""
    UPDATE fastmon_watched_file AS file
    SET taken_at = cast(:at AS timestamptz), outcome = new.outcome
    FROM unnest(cast(:path AS text[]), cast(:outcome AS text[])) AS new (path, outcome)
    WHERE file.path = new.path
""")

_NOTE_FLAWS: Final = text("""
    INSERT INTO fastmon_watched_file AS file
        (path, size_bytes, modified_at, unchanged_since, outcome)
    SELECT path, 0, cast(:at AS timestamptz), cast(:at AS timestamptz), outcome
    FROM unnest(cast(:path AS text[]), cast(:outcome AS text[])) AS new (path, outcome)
    ON CONFLICT (path) DO UPDATE SET outcome = excluded.outcome
      WHERE file.outcome IS DISTINCT FROM excluded.outcome
    RETURNING path
""")


def note_watched(
    session: Session, seen: Sequence[tuple[str, int, datetime]], *, at: datetime
) -> None:
    """Note how files were seen at that time: each one's path, size and time of modification."""
    if seen:
        paths, sizes, times = (list(column) for column in zip(*seen, strict=True))
        values = {"path": paths, "size_bytes": sizes, "modified_at": times, "at": at}
        session.execute(_NOTE_WATCHED, values)


def note_taken(session: Session, outcomes: Mapping[str, str], *, at: datetime) -> None:
    """Note of each file, by its path, that the scan is done with it, and what it came to."""
    session.execute(_NOTE_TAKEN, {**_columns(outcomes), "at": at})


def note_flaws(session: Session, flaws: Mapping[str, str], *, at: datetime) -> list[str]:
    """Note why files cannot be taken, by path; gives those for which that is new."""
    return list(session.scalars(_NOTE_FLAWS, {**_columns(flaws), "at": at}))


def _columns(outcomes: Mapping[str, str]) -> dict[str, list[str]]:
    return {"path": list(outcomes), "outcome": list(outcomes.values())}
