"""What is left of a schedule when all is over: wishes, rows, events, PanDA's tasks, clients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import text

from deployments.bench.common.stack import BenchStack, comes_true
from deployments.bench.fastmon.load import LoadProcess
from deployments.bench.outage.load import Sort, Wish
from deployments.bench.outage.pages import Look
from deployments.bench.submission.chaos.evidence import PandaTask, is_of
from flows.common.database import transaction
from flows.payload_logs import messages as logs
from flows.provenance import messages as provenance
from flows.submission import messages as submissions

TFS_PER_STF: Final = 7
_COMPARE_SECONDS: Final = 90.0
_MEANWHILE_SECONDS: Final = 30.0
FINALS: Final = (
    submissions.SUBMITTED, submissions.FAILED, logs.READY, logs.FAILED, provenance.SNAPSHOT,
)  # fmt: skip
_REQUESTS: Final = text("""
    SELECT id, action, subject, state, attempts, result -> 'joined' AS joined, error,
           extract(epoch FROM created_at)::float AS created_at,
           extract(epoch FROM claimed_at)::float AS claimed_at,
           (SELECT concat(at::time(0), ' ', msg_type, ' ', payload ->> 'text') FROM event
            WHERE event.request_id = request.id ORDER BY event.id DESC LIMIT 1) AS last_event
    FROM request WHERE id > :after ORDER BY id
""")
_FINALS: Final = text("""
    SELECT request_id,
           msg_type || CASE payload ->> 'ok' WHEN 'false' THEN ' (not ok)' ELSE '' END AS msg_type
    FROM event WHERE id > :after AND msg_type = ANY(:types) ORDER BY id
""")
_INBOX: Final = text("SELECT stf_filename, state FROM fastmon_inbox WHERE namespace = :namespace")
_TFS: Final = text("""
    SELECT stf.stf_filename FROM swf_fastmon_files AS tf
    JOIN swf_stf_files AS stf ON stf.file_id = tf.stf_file_id
    JOIN swf_runs AS run ON run.run_id = stf.run_id WHERE run.run_number = :run
""")
_TOLD: Final = text("""
    SELECT payload ->> 'stf_filename' FROM event
    WHERE id > :after AND msg_type = 'tf_file_registered' AND namespace = :namespace
""")
_TASKS: Final = text("SELECT name, panda_task_id FROM pcs_prod_task WHERE name = ANY(:names)")
_PANDA_NAMES: Final = text("""
    SELECT task_name, panda_name FROM submission_attempt WHERE task_name = ANY(:names)
""")
_LOGS: Final = text("SELECT pandaid, state FROM payload_log WHERE pandaid = ANY(:jobs)")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request."""

    id: int
    action: str
    subject: str | None
    state: str
    attempts: int = 1
    joined: int | None = None
    error: str | None = None
    created_at: float = 0.0
    claimed_at: float | None = None
    last_event: str | None = None

    def __str__(self) -> str:
        """What it is and what it came to, for people."""
        return (
            f"request {self.id} ({self.action} {self.subject}) is {self.state} at attempt "
            f"{self.attempts}: {self.error}; last {self.last_event}"
        )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything about one schedule.

    Attributes:
        kind: What was wrong.
        began_at, ended_at: When the fault began, and when what it struck answered again.
        tfs_per_stf: How many TFs are sampled from an STF.
        finals: Of each final event: its request and its type, with what is not ok said so.
        inbox: State of each STF's rows in the inbox.
        tfs, told: Of each TF that was registered, or announced: its STF.
        recorded: Of each task: PanDA's id, as PCS has it.
        panda: PanDA's live tasks of each task.
        log_states: Of each job's log.
        clients: What the clients of the stream missed, got twice, out of order, or from nowhere.
    """

    kind: StrEnum
    began_at: float
    ended_at: float
    wishes: Sequence[Wish] = ()
    tfs_per_stf: int = TFS_PER_STF
    requests: Sequence[Asked] = ()
    finals: Sequence[tuple[int, str]] = ()
    inbox: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tfs: Sequence[str] = ()
    told: Sequence[str] = ()
    recorded: Mapping[str, int | None] = field(default_factory=dict)
    panda: Mapping[str, Sequence[int]] = field(default_factory=dict)
    log_states: Mapping[str, str] = field(default_factory=dict)
    clients: Mapping[str, int] = field(default_factory=dict)
    looks: Sequence[Look] = ()

    def of(self, sort: Sort) -> list[Wish]:
        """The wishes of a sort that were accepted."""
        return [each for each in self.wishes if each.sort is sort and each.accepted_at is not None]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in the tables a schedule's rows are: after these, and under these names."""

    request_id: int
    event_id: int
    namespace: str
    run: int


def rows_of(
    running: BenchStack, place: Place, wishes: Iterable[Wish], panda: Sequence[PandaTask]
) -> dict[str, Any]:
    """What the database and PanDA have of a schedule: fields of `Evidence`."""
    names = [each.name for each in wishes if each.sort is Sort.SUBMISSION]
    jobs = [int(each.name) for each in wishes if each.sort is Sort.FETCH]
    of_stfs = {"namespace": place.namespace, "after": place.event_id}
    with transaction(running.engine) as session:
        asked = session.execute(_REQUESTS, {"after": place.request_id}).mappings()
        finals = session.execute(_FINALS, {"after": place.event_id, "types": list(FINALS)})
        return {
            "requests": [Asked(**row) for row in asked],
            "finals": [(row.request_id, row.msg_type) for row in finals],
            "inbox": _grouped(session.execute(_INBOX, of_stfs).tuples()),
            "tfs": list(session.scalars(_TFS, {"run": place.run})),
            "told": list(session.scalars(_TOLD, of_stfs)),
            "recorded": dict(session.execute(_TASKS, {"names": names}).tuples().all()),
            "panda": live_tasks(session.execute(_PANDA_NAMES, {"names": names}).tuples(), panda),
            "log_states": {
                str(row.pandaid): row.state for row in session.execute(_LOGS, {"jobs": jobs})
            },
        }


def of_clients(
    running: BenchStack,
    clients: LoadProcess,
    place: Place,
    *,
    seconds: float = _COMPARE_SECONDS,
) -> dict[str, int]:
    """What the clients got beside the table; read again where they got what came meanwhile.

    Each comparison may take so many seconds.
    """
    found: dict[str, int] = {}

    def is_known() -> bool:
        ids = running.event_ids(place.event_id)
        found.update(clients.ask("compare", seconds=seconds, after=place.event_id, ids=ids))
        return not found["unknown"]

    comes_true(is_known, _MEANWHILE_SECONDS)
    return found


def live_tasks(sent: Iterable[tuple[str, str]], panda: Sequence[PandaTask]) -> dict[str, list[int]]:
    """PanDA's live tasks of each task: under a name that it was sent by, or a further try of it.

    Args:
        sent: The task, and the name at PanDA, of each attempt at a submission.
        panda: All tasks of PanDA.
    """
    live = [each for each in panda if each.is_live]
    found: dict[str, set[int]] = {}
    for task, name in sent:
        ids = {each.id for each in live if is_of(each.name, name)}
        found.setdefault(task, set()).update(ids)
    return {task: sorted(ids) for task, ids in found.items()}


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
