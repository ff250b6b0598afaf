"""What is left of one intent when all is over: rows, events, PanDA's tasks, its journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from blocks.closing import Closing
from deployments.bench.common.stack import BenchStack
from deployments.bench.submission.chaos.follower import Announcement
from deployments.bench.submission.chaos.schedule import Schedule
from flows.common.database import transaction

_DEAD: Final = frozenset({"toabort", "aborting", "aborted", "tobroken", "broken"})
_TASK: Final = text("SELECT status, panda_task_id FROM pcs_prod_task WHERE name = :name")
_ROWS: Final = text("""
    SELECT row.id, row.try_number, row.task_name, row.jedi_task_id, row.status_snapshot
    FROM pcs_panda_tasks AS row JOIN pcs_prod_task AS task ON task.id = row.prod_task_id
    WHERE task.name = :name ORDER BY row.try_number
""")
_REQUESTS: Final = text("""
    SELECT id, source, state, attempts, result -> 'joined' AS joined, error
    FROM request WHERE action = 'submit_task' AND subject IN (:name, :panda_name) ORDER BY id
""")
_ATTEMPTS: Final = text("""
    SELECT id, request_id, panda_name, state, jedi_task_id, sends, outcome, reason,
           ended_at IS NOT NULL AS is_ended
    FROM submission_attempt WHERE task_name = :name ORDER BY id
""")

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request."""

    id: int
    source: str
    state: str
    attempts: int
    joined: int | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tried:
    """An attempt of the ops side."""

    id: int
    request_id: int
    panda_name: str
    state: str
    jedi_task_id: int | None = None
    sends: int = 0
    outcome: str | None = None
    reason: str | None = None
    is_ended: bool = True


@dataclass(frozen=True, kw_only=True)
class PcsAttempt:
    """An attempt as PCS keeps it."""

    id: int
    try_number: int
    task_name: str
    jedi_task_id: int | None
    status_snapshot: str


@dataclass(frozen=True, kw_only=True)
class PandaTask:
    """A task at PanDA, by the name that it was submitted under."""

    id: int
    name: str
    status: str

    @property
    def is_live(self) -> bool:
        """Whether PanDA did not abort it."""
        return self.status not in _DEAD


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a request for the submission was answered."""

    door: str
    status: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything about one intent.

    Attributes:
        kills: What was killed, in words.
        most_open: The most attempts that were seen open at a time.
        is_settled: Whether all was over in time.
    """

    schedule: Schedule
    task_name: str
    panda_name: str
    status: str | None
    panda_task_id: int | None
    requests: tuple[Asked, ...] = ()
    attempts: tuple[Tried, ...] = ()
    rows: tuple[PcsAttempt, ...] = ()
    events: tuple[Announcement, ...] = ()
    panda: tuple[PandaTask, ...] = ()
    answers: tuple[Answer, ...] = ()
    journal: tuple[str, ...] = ()
    kills: tuple[str, ...] = ()
    most_open: int = 0
    is_settled: bool = True

    def live(self, panda_name: str) -> list[PandaTask]:
        """The tasks that PanDA lets live under a name."""
        return [each for each in self.panda if each.name == panda_name and each.is_live]

    def attempt_of(self, request_id: int) -> Tried | None:
        """The attempt that a request made."""
        return next((each for each in self.attempts if each.request_id == request_id), None)

    def __str__(self) -> str:
        task = f"task {self.task_name}: {self.status}, jediTaskID {self.panda_task_id}"
        parts: list[tuple[str, Sequence[object]]] = [
            ("killed", self.kills),
            ("request", self.requests),
            ("attempt", self.attempts),
            ("PCS", self.rows),
            ("PanDA", self.panda),
            ("answer", self.answers),
            ("event", self.events),
            ("journal", self.journal),
        ]
        lines = [f"  {title}: {each}" for title, found in parts for each in found]
        return "\n".join([str(self.schedule), f"  {task}", *lines])


class Panda(Closing):
    """The sandbox's PanDA, by its own controls."""

    def __init__(self, url: str) -> None:
        retrying = httpx.HTTPTransport(retries=5)  # it refuses connections at times
        self._http = httpx.Client(base_url=url, timeout=20, transport=retrying)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def fault(self, **fields: Any) -> None:
        """Let a fault happen."""
        self._http.post("/_sandbox/faults", json=fields).raise_for_status()

    def clear_faults(self) -> None:
        """Forget the faults that did not come up."""
        self._http.delete("/_sandbox/faults").raise_for_status()

    def tasks(self) -> list[PandaTask]:
        """Every task."""
        found = self._http.get("/_sandbox/tasks").raise_for_status().json()
        return [
            PandaTask(
                id=each["id"],
                name=str(each["parameters"]["taskName"]).rstrip("/"),
                status=each["status"],
            )
            for each in found
        ]

    def journal(self) -> list[dict[str, Any]]:
        """Every request that it got."""
        return list(self._http.get("/_sandbox/journal").raise_for_status().json())


def journal_of(journal: Sequence[dict[str, Any]], panda_name: str) -> tuple[str, ...]:
    """The lines about the tasks of a name and its further attempts, each as one text."""
    return tuple(
        f"{line['at'][11:23]} {line['endpoint']} {line['task_name']} "
        f"fault {line['fault']} status {line['status']} id {line['answer_id']}"
        for line in journal
        if line["task_name"] and is_of(str(line["task_name"]), panda_name)
    )


def is_of(name: str, logical: str) -> bool:
    """Whether a name at PanDA is that of an attempt of the logical name."""
    bare = name.rstrip("/")
    return bare == logical or bare.startswith(f"{logical}.try")


def rows_of(running: BenchStack, task_name: str, panda_name: str) -> dict[str, Any]:
    """What the database has of a task: fields of `Evidence`."""
    names = {"name": task_name, "panda_name": panda_name}
    with transaction(running.engine) as session:
        task = session.execute(_TASK, names).one_or_none()
        return {
            "status": task.status if task else None,
            "panda_task_id": task.panda_task_id if task else None,
            "rows": _read(session, PcsAttempt, _ROWS, names),
            "requests": _read(session, Asked, _REQUESTS, names),
            "attempts": _read(session, Tried, _ATTEMPTS, names),
        }


def _read(
    session: Session, kind: Callable[..., T], query: TextClause, names: dict[str, str]
) -> tuple[T, ...]:
    return tuple(kind(**row) for row in session.execute(query, names).mappings())
