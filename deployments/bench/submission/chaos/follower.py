"""Follows the events of submissions as they are committed, within a millisecond or two."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

import psycopg
from psycopg.rows import class_row
from sqlalchemy import make_url

from deployments.stack.stack import Stack
from flows.common.events import CHANNEL
from flows.submission import messages

_NEWS: Final = """
    SELECT id, at, msg_type, subject AS task_name, request_id, payload,
           CASE msg_type WHEN 'prodtask_submitted' THEN EXISTS (
               SELECT FROM pcs_panda_tasks AS attempt
               WHERE attempt.jedi_task_id = (event.payload ->> 'jedi_task_id')::bigint
               AND attempt.xmin::text::bigint < event.xmin::text::bigint
           ) END AS was_recorded
    FROM event WHERE id > %s AND msg_type LIKE 'prodtask\\_submit%%' ORDER BY id
"""
_LOOK_SECONDS: Final = 0.25
_AGAIN_SECONDS: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """An event of a submission.

    Attributes:
        was_recorded: Whether PCS had the id in a transaction before the event's; None: not asked.
    """

    id: int
    at: datetime
    msg_type: str
    task_name: str
    request_id: int
    payload: dict[str, Any]
    was_recorded: bool | None = None

    @property
    def is_final(self) -> bool:
        """Whether it ends its request."""
        return self.msg_type in {messages.SUBMITTED, messages.FAILED}

    @property
    def jedi_task_id(self) -> int:
        """The id that it tells."""
        return int(self.payload["jedi_task_id"])

    def __str__(self) -> str:
        words = {"step", "text", "reason", "jedi_task_id"} & set(self.payload)
        said = ", ".join(str(self.payload[word]) for word in sorted(words, reverse=True))
        before = "" if self.was_recorded is None else f" (PCS had it before: {self.was_recorded})"
        return f"{self.at:%H:%M:%S.%f} {self.id} r{self.request_id} {self.msg_type}: {said}{before}"


class Follower:
    """A thread that hands on every event of a submission, once, through any outage.

    Args:
        stack: The stack whose database is followed.
        after: Id of the last event that is not handed on.
        handle: Gets each event, in order; it must return at once.
    """

    def __init__(self, stack: Stack, *, after: int, handle: Callable[[Announcement], None]) -> None:
        given = stack.environment("ops")
        url = make_url(given["PRODOPS_DATABASE_URL"]).set(drivername="postgresql")
        self._dsn = psycopg.conninfo.make_conninfo(
            url.render_as_string(hide_password=False),
            passfile=given["PRODOPS_DATABASE_PASSFILE"],
            connect_timeout=2,
        )
        self._last = after
        self._handle = handle
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="chaos-follower", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                with psycopg.connect(
                    self._dsn, autocommit=True, row_factory=class_row(Announcement)
                ) as connection:
                    self._listen(connection)
            except psycopg.OperationalError:
                self._stopping.wait(_AGAIN_SECONDS)

    def _listen(self, connection: psycopg.Connection[Announcement]) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        while not self._stopping.is_set():
            for event in connection.execute(_NEWS, [self._last]).fetchall():
                self._last = event.id
                self._handle(event)
            for _ in connection.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                pass
