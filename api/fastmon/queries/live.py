"""What the live page shows, read in one state of the database together with the last event's id.

The rows of a batch commit with its events, so a reader that counts the events after that id, and
only those, misses nothing and counts nothing twice. Nothing here commits.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from api.fastmon import views
from api.fastmon.views import (
    RATE_SECONDS,
    Bin,
    InboxView,
    Key,
    LiveRun,
    Reason,
    RunState,
    Second,
    Series,
    Snapshot,
    TfView,
    Wanted,
)
from flows.common import events
from flows.common.database import now
from flows.common.models import Request
from flows.fastmon.actions import SAMPLE_STFS

RUNS_SHOWN: Final = 50
FILES_SHOWN: Final = 50
SAMPLING_SHOWN: Final = 15
REASONS_SHOWN: Final = 12
WINDOW_SECONDS: Final = 900
"""How far the plot looks back where no single run is asked for."""
_BINS: Final = 180
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)


def take(session: Session, wanted: Wanted) -> Snapshot:
    """Read the page's numbers; the session must be fresh."""
    last_event_id = events.freeze(session)
    at = now()
    runs = _runs(session, wanted, at)
    return Snapshot(
        taken_at=at,
        last_event_id=last_event_id,
        wanted=wanted,
        namespaces=_namespaces(session),
        runs=runs,
        series=_series(session, runs, _since(runs, wanted, at), at),
        files=_files(session, [run.key for run in runs]),
        inbox=_inbox(session, wanted.namespace),
    )


def sampling_runs(session: Session, namespace: str | None) -> list[Request]:
    """The newest sampling requests; each is a flow run in Prefect."""
    query = select(Request).where(Request.action == SAMPLE_STFS.name)
    if namespace is not None:
        query = query.where(Request.parameters["namespace"].astext == namespace)
    return list(session.scalars(query.order_by(Request.id.desc()).limit(SAMPLING_SHOWN)))


# ------------------------------------------------------------------ runs

_LISTED = text("""
    SELECT namespace, run_number FROM fastmon_first_stf
    WHERE (cast(:namespace AS text) IS NULL OR namespace = :namespace)
      AND (cast(:run AS int) IS NULL OR run_number = :run)
    ORDER BY run_number DESC, namespace LIMIT :limit
""")

# Literal types, so that a partial index on them can be used.
_LIFECYCLE = text("""
    SELECT DISTINCT ON (namespace, run_id) coalesce(namespace, '') AS namespace, run_id,
           msg_type AS lifecycle, at AS lifecycle_at
    FROM (
        SELECT id, namespace, run_id, msg_type, at FROM event
        WHERE msg_type IN ('run_imminent', 'start_run', 'pause_run', 'resume_run', 'end_run')
        ORDER BY id DESC LIMIT 1000) AS newest
    WHERE run_id ~ '^[0-9]{1,9}$'
    ORDER BY namespace, run_id, id DESC
""")

_KEYS = """
    unnest(cast(:namespaces AS text[]), cast(:numbers AS int[])) AS listed (namespace, run_number)
"""
_OWN_TFS = f"""
    FROM {_KEYS}
    JOIN fastmon_inbox AS inbox USING (namespace, run_number)
    JOIN swf_stf_files AS stf USING (stf_filename)
    JOIN swf_fastmon_files AS tf ON tf.stf_file_id = stf.file_id
    WHERE inbox.state <> 'set_aside'
"""

_STFS = text(f"""
    SELECT namespace, run_number, count(*) AS announced,
           count(*) FILTER (WHERE inbox.state = 'sampled') AS sampled,
           min(received_at) AS first_seen, max(received_at) AS last_seen
    FROM {_KEYS} JOIN fastmon_inbox AS inbox USING (namespace, run_number)
    GROUP BY namespace, run_number
""")  # noqa: S608 - constants
_TFS = text(f"""
    SELECT listed.namespace, listed.run_number, count(*) AS tfs,
           coalesce(sum(tf.file_size_bytes), 0) AS volume_bytes, max(tf.created_at) AS last_tf
    {_OWN_TFS} GROUP BY listed.namespace, listed.run_number
""")

# Runs that agents registered over REST: no message announced their STFs.
_REGISTERED = text("""
    SELECT '' AS namespace, run.run_number, count(DISTINCT stf.file_id) AS announced,
           count(DISTINCT tf.stf_file_id) AS sampled, count(tf.tf_file_id) AS tfs,
           coalesce(sum(tf.file_size_bytes), 0) AS volume_bytes,
           min(stf.created_at) AS first_seen,
           greatest(max(stf.created_at), max(tf.created_at)) AS last_seen
    FROM (
        SELECT run_id, run_number FROM swf_runs
        WHERE (cast(:run AS int) IS NULL OR run_number = :run)
          AND NOT EXISTS (SELECT FROM fastmon_first_stf AS first
                          WHERE first.run_number = swf_runs.run_number)
        ORDER BY run_id DESC LIMIT :limit) AS run
    LEFT JOIN swf_stf_files AS stf USING (run_id)
    LEFT JOIN swf_fastmon_files AS tf ON tf.stf_file_id = stf.file_id
    GROUP BY run.run_number
""")

_ENDED = text("""
    SELECT run_number, end_time FROM swf_runs
    WHERE run_number = ANY(cast(:numbers AS int[])) AND end_time IS NOT NULL
""")


def _runs(session: Session, wanted: Wanted, at: datetime) -> tuple[LiveRun, ...]:
    asked = {"namespace": wanted.namespace, "run": wanted.run, "limit": RUNS_SHOWN}
    numbers: dict[Key, dict[str, Any]] = {
        (row.namespace, row.run_number): {} for row in session.execute(_LISTED, asked)
    }
    if not wanted.namespace:
        _merge(numbers, session.execute(_REGISTERED, asked).mappings(), is_open=True)
    lifecycle = _lifecycle(session, wanted, since=at - timedelta(seconds=WINDOW_SECONDS))
    for key, last in lifecycle.items():
        if key in numbers or last["is_news"]:
            numbers.setdefault(key, {}).update(last)
    newest = sorted(numbers, key=lambda key: (-key[1], key[0]))[:RUNS_SHOWN]
    numbers = {key: numbers[key] for key in newest}
    _merge(numbers, session.execute(_STFS, _columns(newest)).mappings())
    _merge(numbers, session.execute(_TFS, _columns(newest)).mappings())
    _end(session, numbers)
    recent = _recent(session, newest, at)
    return tuple(_run(key, found, recent.get(key, ()), at) for key, found in numbers.items())


def _merge(
    numbers: dict[Key, dict[str, Any]], rows: Iterable[Any], *, is_open: bool = False
) -> None:
    for row in rows:
        key = (row["namespace"], row["run_number"])
        if is_open or key in numbers:
            numbers.setdefault(key, {}).update(row)


def _lifecycle(session: Session, wanted: Wanted, since: datetime) -> dict[Key, dict[str, Any]]:
    """The last lifecycle message of each run; `is_news` where it alone is worth a row."""
    return {
        (row["namespace"], int(row["run_id"])): {
            "lifecycle": row["lifecycle"],
            "lifecycle_at": row["lifecycle_at"],
            "is_news": row["lifecycle_at"] >= since,
        }
        for row in session.execute(_LIFECYCLE).mappings()
        if wanted.namespace in {None, row["namespace"]} and wanted.run in {None, int(row["run_id"])}
    }


def _end(session: Session, numbers: dict[Key, dict[str, Any]]) -> None:
    rows = session.execute(_ENDED, {"numbers": [run for _, run in numbers]})
    ended = {row.run_number: row.end_time for row in rows}
    for (_, run), found in numbers.items():
        if run in ended:
            found |= {"lifecycle": "end_run", "lifecycle_at": ended[run]}


def _run(key: Key, found: dict[str, Any], recent: Sequence[Second], at: datetime) -> LiveRun:
    last_seen = max(filter(None, (found.get("last_seen"), found.get("last_tf"))), default=None)
    named = {name: found[name] for name in LiveRun.model_fields if name in found}
    shown = {**named, "namespace": key[0], "run_number": key[1], "last_seen": last_seen}
    run = LiveRun.model_validate({**shown, "recent": tuple(recent)})
    return run.model_copy(update={"state": views.state_of(run, at)})


# ------------------------------------------------------------------ the plot

_STF_STEPS = text(f"""
    SELECT listed.namespace, listed.run_number,
           cast(floor(extract(epoch FROM received_at) / :step) * :step AS bigint) AS at,
           count(*) AS stfs
    FROM {_KEYS} JOIN fastmon_inbox AS inbox USING (namespace, run_number)
    WHERE received_at >= :since GROUP BY 1, 2, 3
""")  # noqa: S608 - constants
_TF_STEPS = text(f"""
    SELECT listed.namespace, listed.run_number,
           cast(floor(extract(epoch FROM tf.created_at) / :step) * :step AS bigint) AS at,
           count(*) AS tfs, coalesce(sum(tf.file_size_bytes), 0) AS volume_bytes
    {_OWN_TFS} AND tf.created_at >= :since GROUP BY 1, 2, 3
""")  # noqa: S608 - constants


def _since(runs: Sequence[LiveRun], wanted: Wanted, at: datetime) -> datetime:
    """Where the plot begins: with the run that is asked for, else some minutes before the end."""
    until = _until(runs, at)
    firsts = [run.first_seen for run in runs if run.first_seen is not None]
    if wanted.run is not None and firsts:
        return min(firsts)
    edge = until - timedelta(seconds=WINDOW_SECONDS)
    shown = [run.first_seen for run in runs if run.first_seen and (run.last_seen or until) >= edge]
    return max(edge, min(shown, default=edge))


def _until(runs: Sequence[LiveRun], at: datetime) -> datetime:
    if any(run.state is RunState.TAKING_DATA for run in runs):
        return at
    return max((run.last_seen for run in runs if run.last_seen is not None), default=at)


def _series(session: Session, runs: Sequence[LiveRun], since: datetime, at: datetime) -> Series:
    seconds = (_until(runs, at) - since).total_seconds()
    step = next((step for step in _STEPS if seconds / step <= _BINS), _STEPS[-1])
    found = _steps(session, [run.key for run in runs], since, step)
    sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for (_, _, moment), counts in found.items():
        sums[moment].update(counts)
    bins = tuple(Bin(at=moment, **counts) for moment, counts in sorted(sums.items()))
    return Series(since=since, step_seconds=step, bins=bins)


def _recent(session: Session, keys: Sequence[Key], at: datetime) -> dict[Key, list[Second]]:
    found = _steps(session, keys, at - timedelta(seconds=RATE_SECONDS), 1)
    recent: dict[Key, list[Second]] = {}
    for (namespace, run, moment), counts in sorted(found.items()):
        second = Second(at=moment, stfs=counts.get("stfs", 0), tfs=counts.get("tfs", 0))
        recent.setdefault((namespace, run), []).append(second)
    return recent


def _steps(
    session: Session, keys: Sequence[Key], since: datetime, step: int
) -> dict[tuple[str, int, int], dict[str, int]]:
    """What each step brought each run."""
    found: dict[tuple[str, int, int], dict[str, int]] = {}
    asked = {**_columns(keys), "since": since, "step": step}
    for query in (_STF_STEPS, _TF_STEPS):
        for row in session.execute(query, asked).mappings():
            counts = {
                name: int(row[name]) for name in Bin.model_fields if name in row and name != "at"
            }
            found.setdefault((row["namespace"], row["run_number"], row["at"]), {}).update(counts)
    return found


# ------------------------------------------------------------------ files and the inbox

_FILES = text(f"""
    SELECT tf.tf_filename, stf.stf_filename, coalesce(inbox.namespace, '') AS namespace,
           run.run_number, tf.tf_first, tf.tf_last, tf.file_size_bytes, tf.created_at
    FROM (SELECT * FROM swf_fastmon_files ORDER BY created_at DESC LIMIT :deep) AS tf
    JOIN swf_stf_files AS stf ON stf.file_id = tf.stf_file_id
    JOIN swf_runs AS run USING (run_id)
    LEFT JOIN fastmon_inbox AS inbox
      ON inbox.stf_filename = stf.stf_filename AND inbox.state <> 'set_aside'
    WHERE (coalesce(inbox.namespace, ''), run.run_number) IN (
        SELECT namespace, run_number FROM {_KEYS})
    ORDER BY tf.created_at DESC, tf.tf_filename DESC LIMIT :limit
""")  # noqa: S608 - constants
_LOOKED_THROUGH: Final = 5_000  # newest TF files among which a namespace's or run's are sought

_WAITING = text("""
    SELECT count(*) FROM fastmon_inbox
    WHERE state = 'waiting' AND (cast(:namespace AS text) IS NULL OR namespace = :namespace)
""")
_SET_ASIDE = text("""
    SELECT coalesce(reason, 'no reason was recorded') AS reason,
           coalesce(reason, '') LIKE 'namespace % is not served' AS is_not_served,
           count(*) AS count, max(coalesce(decided_at, received_at)) AS last_at
    FROM fastmon_inbox
    WHERE state = 'set_aside' AND (cast(:namespace AS text) IS NULL OR namespace = :namespace)
    GROUP BY fastmon_inbox.reason ORDER BY last_at DESC
""")


def _files(session: Session, keys: Sequence[Key]) -> tuple[TfView, ...]:
    asked = {**_columns(keys), "limit": FILES_SHOWN, "deep": _LOOKED_THROUGH}
    return tuple(
        TfView.model_validate(dict(row)) for row in session.execute(_FILES, asked).mappings()
    )


def _inbox(session: Session, namespace: str | None) -> InboxView:
    waiting = session.scalar(_WAITING, {"namespace": namespace})
    rows = session.execute(_SET_ASIDE, {"namespace": namespace}).mappings().all()
    not_served = sum(row["count"] for row in rows if row["is_not_served"])
    return InboxView(
        waiting=waiting or 0,
        set_aside=sum(row["count"] for row in rows) - not_served,
        not_served=not_served,
        reasons=tuple(Reason.model_validate(dict(row)) for row in rows[:REASONS_SHOWN]),
    )


def _namespaces(session: Session) -> tuple[str, ...]:
    return tuple(
        session.scalars(text("SELECT DISTINCT namespace FROM fastmon_first_stf ORDER BY 1"))
    )


def _columns(keys: Sequence[Key]) -> dict[str, list[Any]]:
    return {"namespaces": [key[0] for key in keys], "numbers": [key[1] for key in keys]}
