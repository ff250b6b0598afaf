"""The sandbox's message broker for tests: one for the session, and own ones that tests break."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployments.sandbox.broker import access, configuration, server
from deployments.sandbox.broker.programs import INSTALL, find_programs, require_programs
from deployments.sandbox.broker.readiness import accepts
from deployments.stack.child import Spec
from deployments.stack.layout import Layout
from deployments.stack.ports import free_ports
from deployments.stack.temporary import temporary_settings
from flows.common.settings import Settings
from tests.waiting import PATIENCE, wait_until

_numbers = itertools.count(1)


class BrokerAddress:
    """How the broker of these settings is reached: a stack's, or one of the tests'."""

    host = access.HOST

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = settings.sandbox.broker_port
        self.tls_port = settings.sandbox.broker_tls_port

    @property
    def ca_file(self) -> Path:
        """Who signed its certificate, which is for `localhost` and 127.0.0.1."""
        return access.broker_ca(self.settings)

    def login_file(self, user: str = access.OPS_USER) -> Path:
        """The file with `user:password`."""
        return access.login_file(self.settings, user)

    def password(self, user: str = access.OPS_USER) -> str:
        return access.password(self.settings, user)


class Broker(BrokerAddress):
    """An ActiveMQ on ports of its own, which stay the same when it is started again."""

    def __init__(self, state_dir: Path) -> None:
        port, tls_port = free_ports(2)
        given = {
            "PRODOPS_STATE_DIR": os.fspath(state_dir),
            "PRODOPS_SANDBOX_BROKER_PORT": str(port),
            "PRODOPS_SANDBOX_BROKER_TLS_PORT": str(tls_port),
        }
        super().__init__(temporary_settings(given))
        self._layout = Layout(state_dir)
        self._layout.create()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._layout.log("broker").read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker is down"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes connections; what it kept is there."""
        assert self._process is None, "the broker runs"
        server.prepare(self.settings)
        spec = Spec(
            name="broker",
            argv=tuple(configuration.command(require_programs("a test"))),
            environment=server.environment(self.settings),
            death_signal=int(signal.SIGKILL),
            parent=str(os.getpid()),
        )
        written = self._layout.spec("broker")
        spec.write(written)
        with self._layout.log("broker").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "deployments.stack.child", written],
                cwd=access.broker_home(self.settings), stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(self._is_ready)

    def stop(self) -> None:
        """End it as a stack does; harmless where it is down."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as `kill -9` does; harmless where it is down."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it stand still: its port takes connections, and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it stand still meanwhile."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def wipe(self) -> None:
        """Kill it and start it without messages and subscriptions; who may log in stays."""
        self.kill()
        shutil.rmtree(access.broker_home(self.settings) / "data")
        self.start()

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        return accepts(self.settings)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.send_signal(signal.SIGCONT)  # where it was paused
        self._process.wait(PATIENCE)
        self._process = None


def require_broker() -> None:
    """Skip where ActiveMQ is not installed, which CI does not permit."""
    if find_programs() is not None:
        return
    reason = f"ActiveMQ is not installed; {INSTALL}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_broker() -> Iterator[Broker]:
    """A broker of its own; nothing of it is left afterwards."""
    require_broker()
    state_dir = Path(tempfile.mkdtemp(prefix="prodops-"))
    made = Broker(state_dir)
    try:
        made.start()
        yield made
    finally:
        made.kill()
        shutil.rmtree(state_dir)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """The session's broker, which no test stops; each test uses its own `queue` and `topic`."""
    with running_broker() as running:
        yield running


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """A broker of the test's own, to be killed, paused and emptied."""
    with running_broker() as running:
        yield running


@pytest.fixture
def queue() -> str:
    """A queue that no other test uses."""
    return f"/queue/{fresh_name()}"


@pytest.fixture
def topic() -> str:
    """A topic that no other test uses."""
    return f"/topic/{fresh_name()}"


def fresh_name() -> str:
    """A destination, or a client's id, that nothing else at the session's broker has."""
    return f"test.{os.getpid()}.{next(_numbers)}"
