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
from api.fastmon.queries import files
from api.fastmon.queries.heard import (
    KEYS,
    LIFECYCLE_TYPES,
    WINDOW_SECONDS,
    columns,
    heard_last,
)
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
    Wanted,
)
from flows.common import canary, events
from flows.common.database import now
from flows.common.models import OPEN, Request
from flows.fastmon.actions import SAMPLE_STFS

SAMPLING_SHOWN: Final = 15
REASONS_SHOWN: Final = 12
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
        files=files.read(session, wanted, [run.key for run in runs]),
        inbox=_inbox(session, wanted.namespace),
    )


def sampling_runs(session: Session, namespace: str | None) -> list[Request]:
    """The sampling requests, those that are open first; each is a flow run in Prefect."""
    query = select(Request).where(Request.action == SAMPLE_STFS.name)
    if namespace is None:
        query = query.where(Request.parameters["namespace"].astext != canary.NAMESPACE)
    else:
        # By its subject too, which an index has: the requests of years are not read.
        query = query.where(
            Request.parameters["namespace"].astext == namespace,
            Request.subject == namespace if namespace else Request.subject.is_(None),
        )
    query = query.order_by(Request.id.desc()).limit(SAMPLING_SHOWN)
    going = session.scalars(query.where(Request.state.in_(OPEN))).all()
    ended = session.scalars(query.where(Request.state.not_in(OPEN))).all()
    return [*going, *ended][:SAMPLING_SHOWN]


# ------------------------------------------------------------------ runs

_LIFECYCLE = text(f"""
    SELECT DISTINCT ON (namespace, run_id) coalesce(namespace, '') AS namespace,
           cast(run_id AS int) AS run_number, msg_type AS lifecycle, at AS lifecycle_at
    FROM event
    WHERE msg_type IN {LIFECYCLE_TYPES} AND run_id = ANY(cast(:runs AS text[]))
    ORDER BY namespace, run_id, id DESC
""")  # noqa: S608 - constants

_OWN_TFS = f"""
    FROM {KEYS}
    JOIN fastmon_inbox AS inbox USING (namespace, run_number)
    JOIN swf_stf_files AS stf USING (stf_filename)
    JOIN swf_fastmon_files AS tf ON tf.stf_file_id = stf.file_id
    WHERE inbox.state <> 'set_aside'
"""

# What triggers have counted as it came: to count millions of rows would take seconds.
_COUNTED = text(f"""
    SELECT namespace, run_number,
           sum(number) FILTER (WHERE kind = 'announced') AS announced,
           coalesce(sum(number) FILTER (WHERE kind = 'sampled'), 0) AS sampled,
           coalesce(sum(number) FILTER (WHERE kind = 'tfs'), 0) AS tfs,
           coalesce(sum(volume_bytes), 0) AS volume_bytes,
           min(first_at) FILTER (WHERE kind = 'announced') AS first_seen,
           max(last_at) FILTER (WHERE kind = 'announced') AS last_seen,
           max(last_at) FILTER (WHERE kind = 'tfs') AS last_tf
    FROM {KEYS} JOIN fastmon_tally AS tally USING (namespace, run_number)
    WHERE tally.at = '-infinity'
    GROUP BY namespace, run_number HAVING sum(number) FILTER (WHERE kind = 'announced') > 0
""")  # noqa: S608 - constants

_ONLY_REGISTERED = text("""
    SELECT '' AS namespace, run.run_number, count(DISTINCT stf.file_id) AS announced,
           count(DISTINCT tf.stf_file_id) AS sampled, count(tf.tf_file_id) AS tfs,
           coalesce(sum(tf.file_size_bytes), 0) AS volume_bytes,
           min(stf.created_at) AS first_seen,
           greatest(max(stf.created_at), max(tf.created_at)) AS last_seen
    FROM swf_runs AS run
    LEFT JOIN swf_stf_files AS stf USING (run_id)
    LEFT JOIN swf_fastmon_files AS tf ON tf.stf_file_id = stf.file_id
    WHERE run_number = ANY(cast(:numbers AS int[]))
      AND NOT EXISTS (SELECT FROM fastmon_first_stf AS first
                      WHERE first.run_number = run.run_number)
    GROUP BY run.run_number
""")

_ENDED = text("""
    SELECT run_number, end_time FROM swf_runs
    WHERE run_number = ANY(cast(:numbers AS int[])) AND end_time IS NOT NULL
""")


def _runs(session: Session, wanted: Wanted, at: datetime) -> tuple[LiveRun, ...]:
    keys = heard_last(session, wanted, at)
    numbers: dict[Key, dict[str, Any]] = {key: {} for key in keys}
    for query in (_ONLY_REGISTERED, _COUNTED):
        _merge(numbers, session.execute(query, columns(keys)).mappings())
    runs = {"runs": [str(run) for _, run in keys]}
    _merge(numbers, session.execute(_LIFECYCLE, runs).mappings())
    _end(session, numbers)
    recent = _recent(session, keys, at)
    runs_found = (_run(key, found, recent.get(key, ()), at) for key, found in numbers.items())
    return tuple(sorted(runs_found, key=views.place_of))


def _merge(numbers: dict[Key, dict[str, Any]], rows: Iterable[Any]) -> None:
    for row in rows:
        key = (row["namespace"], row["run_number"])
        if key in numbers:
            numbers[key].update(row)


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
    FROM {KEYS} JOIN fastmon_inbox AS inbox USING (namespace, run_number)
    WHERE received_at >= :since GROUP BY 1, 2, 3
""")  # noqa: S608 - constants
_TF_STEPS = text(f"""
    SELECT listed.namespace, listed.run_number,
           cast(floor(extract(epoch FROM tf.created_at) / :step) * :step AS bigint) AS at,
           count(*) AS tfs, coalesce(sum(tf.file_size_bytes), 0) AS volume_bytes
    {_OWN_TFS} AND tf.created_at >= :since GROUP BY 1, 2, 3
""")  # noqa: S608 - constants


_TALLY_SECONDS: Final = 5
_TALLIED_STEPS = text(f"""
    SELECT listed.namespace, listed.run_number,
           cast(floor(extract(epoch FROM at) / :step) * :step AS bigint) AS at,
           coalesce(sum(number) FILTER (WHERE kind = 'announced'), 0) AS stfs,
           coalesce(sum(number) FILTER (WHERE kind = 'tfs'), 0) AS tfs,
           coalesce(sum(volume_bytes), 0) AS volume_bytes
    FROM {KEYS} JOIN fastmon_tally AS tally USING (namespace, run_number)
    WHERE kind IN ('announced', 'tfs')
      AND at >= date_bin('5 seconds', cast(:since AS timestamptz), 'epoch')
    GROUP BY 1, 2, 3
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
    asked = {**columns(keys), "since": since, "step": step}
    queries = (_TALLIED_STEPS,) if step % _TALLY_SECONDS == 0 else (_STF_STEPS, _TF_STEPS)
    for query in queries:
        for row in session.execute(query, asked).mappings():
            counts = {
                name: int(row[name]) for name in Bin.model_fields if name in row and name != "at"
            }
            found.setdefault((row["namespace"], row["run_number"], row["at"]), {}).update(counts)
    return found


# ------------------------------------------------------------------ the inbox

_WAITING = text("""
    SELECT count(*) FROM fastmon_inbox
    WHERE state = 'waiting' AND namespace = coalesce(cast(:namespace AS text), namespace)
      AND (namespace <> :canary OR namespace = cast(:namespace AS text))
""")
_SET_ASIDE = text("""
    SELECT coalesce(reason, 'no reason was recorded') AS reason,
           coalesce(reason, '') LIKE 'namespace % is not served' AS is_not_served,
           count(*) AS count, max(coalesce(decided_at, received_at)) AS last_at
    FROM fastmon_inbox
    WHERE state = 'set_aside' AND (cast(:namespace AS text) IS NULL OR namespace = :namespace)
    GROUP BY fastmon_inbox.reason ORDER BY last_at DESC
""")


def _inbox(session: Session, namespace: str | None) -> InboxView:
    asked = {"namespace": namespace, "canary": canary.NAMESPACE}
    waiting = session.scalar(_WAITING, asked)
    rows = session.execute(_SET_ASIDE, {"namespace": namespace}).mappings().all()
    not_served = sum(row["count"] for row in rows if row["is_not_served"])
    return InboxView(
        waiting=waiting or 0,
        set_aside=sum(row["count"] for row in rows) - not_served,
        not_served=not_served,
        reasons=tuple(Reason.model_validate(dict(row)) for row in rows[:REASONS_SHOWN]),
    )


def _namespaces(session: Session) -> tuple[str, ...]:
    found = session.scalars(text("SELECT DISTINCT namespace FROM fastmon_first_stf ORDER BY 1"))
    return tuple(each for each in found if each != canary.NAMESPACE)
