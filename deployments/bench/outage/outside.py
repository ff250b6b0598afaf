"""The other sides of a stack that faults strike: its PostgreSQL as superuser, its Prefect's API."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Any, Final, LiteralString

import httpx
import psutil
import psycopg

from blocks.closing import Closing
from deployments.bench.common.stack import until
from deployments.stack.control import Control
from deployments.stack.credentials import SUPERUSER, Credentials
from deployments.stack.stack import Stack

_PATIENCE_SECONDS: Final = 60.0
_CONNECT_SECONDS: Final = 2
# Writes a catalog and its WAL: what is read-only or full does not take it.
_PROBE: Final = "CREATE TABLE outage_probe (); DROP TABLE outage_probe"


class Superuser:
    """The superuser of a stack's own PostgreSQL; each statement on a connection of its own."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def do(self, *statements: LiteralString) -> None:
        """Execute statements, each in a transaction of its own."""
        with self._connection() as connection:
            for statement in statements:
                connection.execute(statement)

    def can_write(self) -> bool:
        """Whether PostgreSQL takes a write."""
        try:
            self.do(_PROBE)
        except psycopg.Error:
            return False
        return True

    def _connection(self) -> psycopg.Connection[Any]:
        credentials = Credentials(self._stack.layout.secrets)
        return psycopg.connect(
            host="127.0.0.1",
            port=self._stack.settings.database.port,
            user=SUPERUSER,
            dbname="postgres",
            passfile=str(credentials.superuser),
            connect_timeout=_CONNECT_SECONDS,
            options="-c statement_timeout=10000",
            autocommit=True,
        )


class Prefect(Closing):
    """The API of a stack's Prefect server."""

    def __init__(self, stack: Stack) -> None:
        given = Credentials(stack.layout.secrets).prefect_api.read_text().strip()
        user, _, password = given.partition(":")
        self._http = httpx.Client(base_url=stack.prefect_url, auth=(user, password), timeout=20)
        self._pool = stack.settings.prefect.pool

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def answers(self) -> bool:
        """Whether it answers 200."""
        try:
            return self._http.get("/health", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def deployments(self) -> set[str]:
        """The names of the deployments that the pool has; empty where there is no pool."""
        wanted = {"work_pools": {"name": {"any_": [self._pool]}}}
        answer = self._http.post("/deployments/filter", json=wanted).raise_for_status()
        return {each["name"] for each in answer.json()}

    def has_pool(self) -> bool:
        """Whether there is the pool of the stack's worker."""
        return self._http.get(f"/work_pools/{self._pool}").is_success

    def delete_deployment(self, action: str) -> None:
        """Delete the deployment of an action."""
        found = self._http.get(f"/deployments/name/{action.replace('_', '-')}/{action}")
        self._http.delete(f"/deployments/{found.raise_for_status().json()['id']}")

    def delete_pool(self) -> None:
        """Delete the pool of the stack's worker."""
        self._http.delete(f"/work_pools/{self._pool}").raise_for_status()


class Part:
    """A part of a stack, stopped or frozen and let go on."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        self._name = name
        self._control = Control(stack.layout)
        self._frozen: list[psutil.Process] = []

    def stop(self) -> None:
        """Stop it, and wait until it has ended."""
        self._control.stop(self._name)
        until(lambda: self._stack.state(self._name).is_ended, _PATIENCE_SECONDS, "the part ends")

    def kill(self) -> None:
        """Kill it, and keep it from being started again."""
        pid = self._stack.pid(self._name)
        self._control.stop(self._name)
        _send(psutil.Process(pid), signal.SIGKILL)
        until(lambda: self._stack.state(self._name).is_ended, _PATIENCE_SECONDS, "the part ends")

    def start(self) -> None:
        """Start it, without waiting."""
        self._control.start(self._name)

    def freeze(self) -> None:
        """Let its processes stand still: connections are taken, and nothing is answered."""
        process = psutil.Process(self._stack.pid(self._name))
        self._frozen = [process, *process.children(recursive=True)]
        for each in self._frozen:
            _send(each, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on; harmless where none stands still."""
        for each in reversed(self._frozen):
            _send(each, signal.SIGCONT)
        self._frozen = []


def _send(process: psutil.Process, number: int) -> None:
    with suppress(psutil.NoSuchProcess):  # a backend may have ended meanwhile
        process.send_signal(number)
