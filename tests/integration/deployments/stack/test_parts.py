"""The parts of a stack as processes: the message broker, killed and started again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from deployments.sandbox.broker.readiness import accepts
from deployments.stack.logs import last_error
from deployments.stack.overview import overview
from deployments.stack.stack import Stack
from tests.broker import BrokerAddress, require_broker
from tests.broker_peer import Peer
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The part alone."""
    require_broker()
    given = {"PRODOPS_SANDBOX_BROKER": "true"}
    with Stack.temporary(given, parts=["broker"], is_migrated=False) as running:
        yield running


@pytest.mark.slow
def test_a_killed_broker_is_started_again_with_what_it_kept(stack, queue):
    address = BrokerAddress(stack.settings)
    with Peer(address) as peer:
        peer.publish(queue, "kept", is_confirmed=True, persistent="true")
    killed = stack.pid("broker")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: stack.state("broker").pid not in {None, killed} and accepts(stack.settings))
    with Peer(address) as peer:
        peer.subscribe(queue)
        assert peer.receive().text == "kept"


def test_its_state_names_the_version_and_no_error(stack):
    (row,) = wait_until(lambda: [r for r in overview(stack.settings).rows if r.state == "running"])
    assert (row.part, row.version[0].isdecimal()) == ("broker", True)
    assert last_error(stack.layout.log("broker")) is None


def test_no_password_is_in_its_log_or_command(stack):
    log = stack.layout.log("broker").read_text()
    address = BrokerAddress(stack.settings)
    command = " ".join(psutil.Process(stack.pid("broker")).cmdline())
    for user in ("prodops", "agent"):
        assert address.password(user) not in log + command
