"""A bridge as a process, between a broker and a database of a test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text

from flows.common.database import transaction
from tests.broker import Broker, fresh_name
from tests.databases import Database
from tests.waiting import PATIENCE, wait_until

_CONDITION = "SELECT details ->> 'condition' FROM ops_part WHERE kind = 'bridge'"
_TEXT = "SELECT details ->> 'text' FROM ops_part WHERE kind = 'bridge'"


@dataclass
class Bridge:
    """`prodops bridge`; several may be started, one after another or side by side."""

    broker: Broker
    database: Database
    name: str = field(default_factory=fresh_name)
    given: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def queue(self) -> str:
        """The queue that it takes requests from; no other test's."""
        return f"/queue/{self.name}.ops"

    @property
    def topic(self) -> str:
        """The topic that it follows and publishes to; no other test's."""
        return f"/topic/{self.name}"

    def start(self, **changed: str) -> subprocess.Popen[bytes]:
        """Start one; with other settings, by the ends of their names."""
        own = {f"PRODOPS_{name}": value for name, value in changed.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "deployments.cli", "bridge"],
            env=self._environment() | self.given | own,
            stdin=subprocess.DEVNULL,
        )
        self.processes.append(process)
        return process

    def connected(self, **changed: str) -> subprocess.Popen[bytes]:
        """Start one, and wait until it works."""
        process = self.start(**changed)
        self.wait_for("connected")
        return process

    def kill(self) -> None:
        """End all as `kill -9` does."""
        for process in self.processes:
            process.kill()
            process.wait(PATIENCE)

    def condition(self) -> str | None:
        return self.value(_CONDITION)

    def wait_for(self, condition: str) -> str:
        """Wait until the database says that it is so; gives the reason."""
        wait_until(lambda: self.condition() == condition)
        return str(self.value(_TEXT))

    def wait_for_reason(self, words: str) -> None:
        """Wait until the broker is away for such a reason: it does not always say it."""
        self.wait_for("broker_away")
        wait_until(lambda: words in self.value(_TEXT))

    def value(self, statement: str, **parameters: Any) -> Any:
        with transaction(self.database.ops_engine) as session:
            return session.scalar(text(statement), parameters)

    def wait_count(self, statement: str, number: int) -> None:
        wait_until(lambda: self.value(statement) >= number)
        assert self.value(statement) == number

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": tempfile.gettempdir(),
            "PRODOPS_DATABASE_URL": self.database.ops_url.render_as_string(),
            "PRODOPS_DATABASE_PASSFILE": str(self.database.ops_passfile),
            "PRODOPS_BUS_HOST": self.broker.host,
            "PRODOPS_BUS_PORT": str(self.broker.port),
            "PRODOPS_BUS_LOGIN_FILE": str(self.broker.login_file()),
            "PRODOPS_BUS_OPS_QUEUE": self.queue,
            "PRODOPS_BUS_TOPIC": self.topic,
            "PRODOPS_BUS_CLIENT_ID": self.name,
        }


@pytest.fixture
def bridge(broker: Broker, database: Database) -> Iterator[Bridge]:
    """At the session's broker, which no test stops."""
    with _ended(Bridge(broker, database)) as made:
        yield made


@pytest.fixture
def frail_bridge(own_broker: Broker, database: Database) -> Iterator[Bridge]:
    """At a broker of its own, to be killed, paused and emptied."""
    with _ended(Bridge(own_broker, database)) as made:
        yield made


@contextmanager
def _ended(made: Bridge) -> Iterator[Bridge]:
    try:
        yield made
    finally:
        made.kill()


def end(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
    """Ask it to end; gives its exit code."""
    process.send_signal(number)
    return process.wait(PATIENCE)
