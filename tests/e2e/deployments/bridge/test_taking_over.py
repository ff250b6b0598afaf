"""The how-to followed: each type is switched from the original agent to prodops, and back.

Two consumers: the bridge, and a stand-in of the original agent on the queue that
EPICPROD_OPS_QUEUE names. Each message is seen by exactly one of them.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from deployments.sandbox.broker.access import AGENT_USER
from flows.common.database import transaction
from tests.broker_peer import Peer
from tests.e2e.deployments.bridge.running import Bridge, end
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT: Final = Path(__file__).parents[4]
PAGE: Final = ROOT / "docs" / "how-to" / "take-over-from-the-original-agent.md"
_ROW: Final = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
ORDER: Final = _ROW.findall(PAGE.read_text())
"""The types, in the order in which the page switches them."""
_numbers = itertools.count(1)


def fetch(number: int) -> dict[str, Any]:
    """Ids as text, as the original's pages send them."""
    named = {"scope": "group.EIC", "lfn": f"a.{number}.log.tgz", "jeditaskid": "4711"}
    return {**named, "pandaid": str(number), "force": True}


BODIES: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "fetch_payload_log": fetch,
    "rucio_snapshot_update": lambda number: {"created_by": f"anna{number}"},
    "evgen_rucio_update": lambda number: {"created_by": f"anna{number}"},
    "panda_task_operation": lambda number: {
        "operation": "increase_attempts",
        "task_name": f"task{number}",
        "jedi_task_id": number,
        "increase": 2,
        "new_parameters": {},
        "composed_name": f"group.EIC.task{number}",
        "created_by": "anna",
    },
    "submit_task": lambda number: {"task_name": f"task{number}", "owner": "anna"},
}
"""What the original's pages and scripts send of each type, beside msg_type and namespace."""
_OTHERS: Final = ("catalog_import", "sync_epicprod_inventory")
"""What stays with the original all along."""


def test_the_page_has_an_order_of_types_that_are_tried_here():
    assert set(ORDER) == set(BODIES)


class Original:
    """The stand-in as a process, and what it has received."""

    def __init__(self, bridge: Bridge, name: str) -> None:
        broker = bridge.broker
        given = (broker.host, str(broker.port), AGENT_USER, broker.password(AGENT_USER))
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("original_agent.py"), *given],
            env={"PATH": os.environ["PATH"], "EPICPROD_OPS_QUEUE": name},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)

    def receive(self, number: int) -> list[str]:
        """The next bodies, so many."""
        return [json.loads(self._lines.get(timeout=PATIENCE))["body"] for _ in range(number)]

    def has_more(self) -> bool:
        return not self._lines.empty()

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def original(bridge: Bridge) -> Iterator[Original]:
    """Moved to the new queue by EPICPROD_OPS_QUEUE, as step 2 of the page does."""
    made = Original(bridge, f"{bridge.queue}.original")
    yield made
    made.end()


def restart(bridge: Bridge, taken: list[str]) -> None:
    """The bridge with other types switched, as the page says."""
    for process in bridge.processes:
        if process.poll() is None:
            end(process)
    bridge.value("UPDATE ops_part SET details = '{}' WHERE kind = 'bridge' RETURNING kind")
    bridge.connected(
        BUS_OTHERS_QUEUE=f"{bridge.queue}.original", BUS_TAKEN_REQUESTS=",".join(taken)
    )


def send_one_of_each(bridge: Bridge) -> dict[str, str]:
    """A message of each type, as peers send them; gives the bodies by type."""
    number = next(_numbers)
    made = {name: body(number) for name, body in BODIES.items()}
    made |= {name: {"source": f"source{number}"} for name in _OTHERS}
    bodies = {
        name: json.dumps({"msg_type": name, "namespace": "prodops", **body})
        for name, body in made.items()
    }
    with Peer(bridge.broker) as peer:
        for body in bodies.values():
            peer.publish(bridge.queue, body, is_confirmed=True, persistent="true")
    return bodies


def taken_by_prodops(bridge: Bridge) -> list[str]:
    """The types that prodops has accepted or refused since it was last asked; they are ended."""
    ended = text("""
        UPDATE request SET state = 'cancelled', finished_at = now() WHERE state = 'queued'
        RETURNING action
    """)
    with transaction(bridge.database.ops_engine) as session:
        return sorted(session.scalars(ended))


def look(bridge: Bridge, original: Original, taken: list[str]) -> None:
    """Send one of each, and see who gets which: each is with exactly one of the two."""
    bodies = send_one_of_each(bridge)
    passed = {name: body for name, body in bodies.items() if name not in taken}
    came = original.receive(len(passed))
    assert sorted(came) == sorted(passed.values())
    got: list[str] = []

    def have_come() -> bool:
        got.extend(taken_by_prodops(bridge))
        return len(got) >= len(taken)

    wait_until(have_come)
    assert sorted(got) == sorted(taken)
    assert not original.has_more()


@pytest.mark.parametrize("name", ORDER)
def test_a_type_is_switched_and_back_while_those_before_it_are_with_prodops(
    bridge: Bridge, original: Original, name: str
):
    before = ORDER[: ORDER.index(name)]
    for taken in (before, [*before, name], before):
        restart(bridge, taken)
        look(bridge, original, taken)


def test_what_is_sent_while_a_type_is_switched_is_with_one_of_the_two(
    bridge: Bridge, original: Original
):
    """The bridge is down for a moment: what comes waits, and goes by what is switched then."""
    restart(bridge, [])
    for process in bridge.processes:
        end(process)
    bodies = send_one_of_each(bridge)
    restart(bridge, ["fetch_payload_log"])
    passed = [body for name, body in bodies.items() if name != "fetch_payload_log"]
    assert sorted(original.receive(len(passed))) == sorted(passed)
    wait_until(lambda: taken_by_prodops(bridge) == ["fetch_payload_log"])
