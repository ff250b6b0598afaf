"""A whole stack as processes, and what the tests do with it: trigger, look, feed, kill."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psutil
import pytest
from sqlalchemy import Engine, make_url, select

from deployments.stack.errors import StackDown
from deployments.stack.stack import Stack
from flows.common import access, callers
from flows.common.database import make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.models import HELD, Event, Request, RequestState
from flows.fastmon.models import FastmonFile, InboxStf
from tests.waiting import PATIENCE, wait_until

ENDED = {"completed", "failed", "cancelled", "unknown"}
TFS_PER_STF = 7

T = TypeVar("T")
_numbers = itertools.count(1)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True)
class Site:
    """A running stack, seen from outside: its API, its Prefect, its database, its processes."""

    stack: Stack
    engine: Engine
    token: str
    api: httpx.Client
    prefect: httpx.Client

    # -------------------------------------------------------------- requests

    def trigger(self, action: str, **parameters: Any) -> int:
        answer = self.api.post(f"/api/actions/{action}/", json=parameters)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["request_id"])

    def request(self, request_id: int) -> Request:
        with transaction(self.engine) as session:
            return session.get_one(Request, request_id)

    def state(self, request_id: int) -> RequestState:
        return self.request(request_id).state

    def ended(self, request_id: int, seconds: float = PATIENCE) -> Request:
        wait_until(lambda: self.state(request_id) in ENDED, seconds)
        return self.request(request_id)

    def running(self, request_id: int) -> Request:
        wait_until(lambda: self.state(request_id) == RequestState.RUNNING)
        return self.request(request_id)

    def requests(self, **wanted: Any) -> list[Request]:
        with transaction(self.engine) as session:
            return list(session.scalars(select(Request).filter_by(**wanted).order_by(Request.id)))

    def events(self, **wanted: Any) -> list[Event]:
        with transaction(self.engine) as session:
            return list(session.scalars(select(Event).filter_by(**wanted).order_by(Event.id)))

    def is_quiet(self) -> bool:
        """Whether no request waits or works."""
        with transaction(self.engine) as session:
            open_ones = Request.state.in_([*HELD, RequestState.QUEUED])
            return session.scalar(select(Request.id).where(open_ones).limit(1)) is None

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of a person on the ops side, in another directory."""
        return subprocess.run(
            [sys.executable, "-m", "deployments.cli", *words],
            env=self.stack.environment("ops"),
            cwd=self.stack.state_dir,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    # -------------------------------------------------------------- Prefect

    def ask(self, method: str, path: str, **body: Any) -> Any:
        answer = self.prefect.request(method, path, **({"json": body} if body else {}))
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, action: str) -> str:
        flow = action.replace("_", "-")
        return str(self.ask("GET", f"/deployments/name/{flow}/{action}")["id"])

    def start_in_prefect(self, action: str, at: datetime | None = None, **parameters: Any) -> str:
        """Start a run as Prefect's UI does; gives the flow run's id."""
        details = {"scheduled_time": at.isoformat()} if at else {}
        state = {"type": "SCHEDULED", "state_details": details}
        path = f"/deployments/{self.deployment(action)}/create_flow_run"
        return str(self.ask("POST", path, parameters=parameters, state=state)["id"])

    def flow_run(self, flow_run_id: uuid.UUID | str | None) -> dict[str, Any]:
        return dict(self.ask("GET", f"/flow_runs/{flow_run_id}"))

    def run_state(self, flow_run_id: uuid.UUID | str | None) -> str:
        return str(self.flow_run(flow_run_id)["state_name"])

    def run_ended(self, flow_run_id: str, seconds: float = PATIENCE) -> dict[str, Any]:
        ends = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        wait_until(lambda: self.flow_run(flow_run_id)["state_type"] in ends, seconds)
        return self.flow_run(flow_run_id)

    def states_of(self, flow_run_id: uuid.UUID | str | None) -> list[dict[str, Any]]:
        return list(self.ask("GET", f"/flow_run_states/?flow_run_id={flow_run_id}"))

    def configure_pool(self, **fields: Any) -> None:
        self.ask("PATCH", "/work_pools/prodops", **fields)

    # -------------------------------------------------------------- processes

    def guardian(self) -> psutil.Process:
        """The worker's guardian, once it has one."""

        def find() -> list[psutil.Process]:
            try:
                children = psutil.Process(self.stack.pid("worker")).children()
                return [each for each in children if "guardian" in " ".join(each.cmdline())]
            except (StackDown, psutil.NoSuchProcess):
                return []

        return wait_until(find)[0]

    def runs(self) -> list[psutil.Process]:
        """The processes of the runs that are under way."""
        try:
            return [each for each in self.guardian().children() if each.status() != "zombie"]
        except psutil.NoSuchProcess:
            return []

    def kill(self, part: str) -> None:
        """Kill a part at once, and wait until the stack has it back."""
        before = self.stack.pid(part)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self._pid(part) not in {before, None})

    def _pid(self, part: str) -> int | None:
        try:
            return self.stack.pid(part)
        except StackDown:
            return None

    # -------------------------------------------------------------- STFs

    def send(self, body: dict[str, Any]) -> httpx.Response:
        return self.api.post("/api/messages/", json=body)

    def inbox(self, namespace: str) -> dict[str, str]:
        with transaction(self.engine) as session:
            rows = session.scalars(select(InboxStf).where(InboxStf.namespace == namespace))
            return {row.stf_filename: row.state for row in rows}

    def tf_names(self) -> list[str]:
        with transaction(self.engine) as session:
            return list(session.scalars(select(FastmonFile.tf_filename)))


@contextmanager
def site_of(stack: Stack) -> Iterator[Site]:
    """A site of a stack that is up."""
    environment = stack.environment("ops")
    password = Path(environment["PRODOPS_PREFECT_PASSWORD_FILE"]).read_text().strip()
    engine = make_engine(
        make_url(environment["PRODOPS_DATABASE_URL"]),
        passfile=Path(environment["PRODOPS_DATABASE_PASSFILE"]),
        pool_size=4,
    )
    with transaction(engine) as session:
        token = access.create_token(session, "tester", scopes=callers.ALL)
    authorization = {"Authorization": f"Token {token}"}
    user, _, secret = password.partition(":")
    with (
        httpx.Client(base_url=stack.api_url, headers=authorization, timeout=20) as api,
        httpx.Client(base_url=stack.prefect_url, auth=(user, secret), timeout=20) as prefect,
    ):
        yield Site(stack, engine, token, api, prefect)
    engine.dispose()


@pytest.fixture(scope="session")
def shared_site(whole_stack: Stack) -> Iterator[Site]:
    with site_of(whole_stack) as site:
        yield site


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The shared stack, left quiet by each test for the next."""
    yield shared_site
    wait_until(shared_site.is_quiet)


@pytest.fixture
def namespace() -> str:
    return f"ns-{next(_numbers)}"


def stf_message(namespace: str, number: int) -> dict[str, Any]:
    return {
        "msg_type": "stf_ready",
        "namespace": namespace,
        "run_id": "100",
        "filename": f"swf.{namespace}.{number:06d}.stf",
        "sequence": number,
        "size_bytes": 7_000_000,
        "tf_count": 700,
    }


@dataclass
class Feeder:
    """Announces an STF every so often, each until it is accepted, as an agent with retries does."""

    url: str
    token: str
    namespaces: Sequence[str]
    rate_hz: float = 10.0
    accepted: list[str] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _feed(self) -> None:
        headers = {"Authorization": f"Token {self.token}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=10) as client:
            for number in itertools.count(1):
                if self._stopping.is_set():
                    return
                namespace = self.namespaces[number % len(self.namespaces)]
                self._announce(client, stf_message(namespace, number))
                self._stopping.wait(1 / self.rate_hz)

    def _announce(self, client: httpx.Client, body: dict[str, Any]) -> None:
        """Send it until it is accepted; an answer that was lost makes it a redelivery."""
        while True:
            try:
                status = client.post("/api/messages/", json=body).status_code
            except httpx.TransportError:
                status = 0
            if status == httpx.codes.CREATED:
                self.accepted.append(body["filename"])
                return
            self.refusals.append(status)
            if self._stopping.wait(0.2):
                return


@pytest.fixture
def feed(site: Site, namespace: str) -> Iterator[Feeder]:
    """A steady stream of STFs into the test's namespace."""
    with Feeder(site.stack.api_url, site.token, [namespace]) as feeder:
        yield feeder


def patiently(look: Callable[[], T]) -> Callable[[], T | None]:
    """`look`, giving nothing while the database is away."""

    def attempt() -> T | None:
        try:
            return look()
        except DatabaseUnavailable:
            return None

    return attempt
