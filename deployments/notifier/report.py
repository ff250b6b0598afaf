"""How the notifier is: said in the log where it changes, and in the database by the clock."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy import Engine

from deployments.isolation import outlived
from flows.common import standing
from flows.common.database import now, transaction
from flows.common.models import PartKind

_log = structlog.get_logger("notifier")


class NotifierCondition(StrEnum):
    """How a notifier is, as the page of the system reads it."""

    STARTING = "starting"
    READY = "ready"
    """It follows what happens, and delivers."""
    STANDS_BY = "stands_by"
    """Another notifier works on this database."""
    CHANNEL_AWAY = "channel_away"
    """It works, and a channel does not take its messages."""
    DATABASE_AWAY = "database_away"
    ENDED = "ended"


_GOOD: Final = frozenset({NotifierCondition.READY, NotifierCondition.ENDED})


@dataclass
class Report:
    """Says how the notifier is.

    Attributes:
        engine: The database.
    """

    engine: Engine
    _condition: NotifierCondition = NotifierCondition.STARTING
    _text: str = ""
    _since: datetime = field(default_factory=now)
    _is_changed: threading.Event = field(default_factory=threading.Event)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def say(self, condition: NotifierCondition, text: str) -> None:
        """Note how it is; the same again changes nothing."""
        if (condition, text) == (self._condition, self._text):
            return
        level = "info" if condition in _GOOD else "warning"
        getattr(_log, level)("the notifier: " + condition.value.replace("_", " "), reason=text)
        if condition is not self._condition:
            self._since = now()
        self._condition, self._text = condition, text
        self._is_changed.set()

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Write it to the database meanwhile: at each change, and by the clock."""
        thread = threading.Thread(target=self._repeat, name="report")
        thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._is_changed.set()
            thread.join()
            self.say(NotifierCondition.ENDED, "")
            with outlived("the notifier's end cannot be written"):
                self._write()

    def _repeat(self) -> None:
        while not self._is_over.is_set():
            self._is_changed.clear()
            with outlived("how the notifier is cannot be written"):
                self._write()
            self._is_changed.wait(standing.BEAT_SECONDS)

    def _write(self) -> None:
        details = {
            "condition": self._condition.value,
            "text": self._text,
            "since": self._since.isoformat(),
        }
        with transaction(self.engine) as session:
            standing.beat(
                session,
                PartKind.NOTIFIER,
                socket.gethostname(),
                prefect_answers=True,
                details=details,
            )
