"""A stack with a broker, shut down by a message of the bus."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.frames import Outgoing
from deployments.bench.messages.peers import Ear, access_of
from deployments.stack.parts import command
from deployments.stack.temporary import remove_state, temporary_environment, temporary_settings
from flows.common.settings import Settings, known_names
from tests.broker import require_broker
from tests.template import fill
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def up() -> Iterator[tuple[Settings, subprocess.Popen[bytes]]]:
    """`prodops up` with the sandbox's broker, ready."""
    require_broker()
    given = temporary_environment(
        {"PRODOPS_SANDBOX_BROKER": "true", "PRODOPS_BUS_ALLOWS_SHUTDOWN": "true"}
    )
    settings = temporary_settings(given)
    try:
        fill(settings)
        clean = {name: each for name, each in os.environ.items() if name not in known_names()}
        reader, writer = os.pipe()
        with subprocess.Popen(
            [*command("up"), "--ready-fd", str(writer)],
            env=clean | given,
            cwd=Path(given["PRODOPS_STATE_DIR"]),
            pass_fds=[writer],
        ) as process:
            os.close(writer)
            with os.fdopen(reader, "rb") as pipe:
                assert pipe.read(), "it did not come up"
            yield settings, process
            process.kill()
    finally:
        remove_state(settings)


def test_a_shutdown_ends_the_whole_stack_with_100(
    up: tuple[Settings, subprocess.Popen[bytes]],
) -> None:
    settings, process = up
    family = psutil.Process(process.pid).children(recursive=True)
    with BrokerConnection(access_of(settings), Ear()) as connection:
        message = Outgoing(destination=settings.bus.ops_queue, body='{"msg_type": "shutdown"}')
        connection.send_all([message])
    assert process.wait(PATIENCE) == 100
    assert psutil.wait_procs(family, timeout=10)[1] == []
