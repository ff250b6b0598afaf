"""How a part is: said in the log where it changes, and in the database by the clock."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Engine

from deployments import version
from deployments.isolation import outlived
from deployments.service_manager.notification import service_manager
from flows.common import part_measures, standing
from flows.common.database import now, transaction
from flows.common.models import PartKind

Condition = TypeVar("Condition", bound=StrEnum)


@dataclass
class ConditionReport(Generic[Condition]):
    """Says how a part is.

    Attributes:
        engine: The database.
        kind: The part; the log names it.
        condition: How it is; at first, how it starts.
        ended: How it is at its end.
        good: The conditions that are no warning.
    """

    engine: Engine
    kind: PartKind
    condition: Condition
    ended: Condition
    good: frozenset[Condition]
    text: str = field(default="", init=False)
    _since: datetime = field(default_factory=now, init=False)
    _is_changed: threading.Event = field(default_factory=threading.Event, init=False)
    _is_over: threading.Event = field(default_factory=threading.Event, init=False)

    def say(self, condition: Condition, text: str) -> None:
        """Note how it is; the same again changes nothing."""
        if (condition, text) == (self.condition, self.text):
            return
        log = structlog.get_logger(self.kind.value)
        level = "info" if condition in self.good else "warning"
        said = condition.replace("_", " ")
        getattr(log, level)(f"the {self.kind}: {said}", reason=text)
        service_manager().status(f"{said}: {text}" if text else said)
        if condition is not self.condition:
            self._since = now()
        self.condition, self.text = condition, text
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
            self.say(self.ended, "")
            with outlived(f"the {self.kind}'s end cannot be written"):
                self.write()

    def write(self) -> None:
        """Write it to the database, for the page of the system."""
        details = {
            "condition": self.condition.value,
            "text": self.text,
            "since": self._since.isoformat(),
            version.KEY: version.own().row(),
            **self.more(),
            **part_measures.said(),
        }
        with transaction(self.engine) as session:
            standing.beat(
                session,
                self.kind,
                socket.gethostname(),
                prefect_answers=True,
                details=details,
            )

    def more(self) -> dict[str, Any]:
        """What the part says beside its condition."""
        return {}

    def _repeat(self) -> None:
        with service_manager().watchdog.following("report") as round_done:
            while not self._is_over.is_set():
                self._is_changed.clear()
                with outlived(f"how the {self.kind} is cannot be written"):
                    self.write()
                round_done()
                self._is_changed.wait(standing.BEAT_SECONDS)
