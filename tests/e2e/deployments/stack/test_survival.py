"""Parts and runs are killed under load: nothing accepted is lost, nothing is done or told twice."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import httpx
import psutil
import pytest
from sqlalchemy import func, select, text

from deployments.bench.outage.outside import Part
from deployments.stack.credentials import Credentials
from deployments.stack.errors import StackDown
from deployments.stack.stack import Stack
from flows.common.database import transaction
from flows.common.models import Event
from tests.databases import Server
from tests.e2e.conftest import (
    TFS_PER_STF,
    Feeder,
    Site,
    patiently,
    site_of,
    stf_message,
)
from tests.stacks import running_stack
from tests.waiting import stays, wait_until
from tests.whole_stack import QUICK

pytestmark = pytest.mark.e2e

SETTINGS = {
    **QUICK,
    "PRODOPS_FASTMON_RUN_SECONDS": "10",
    "PRODOPS_STREAM_HEARTBEAT_SECONDS": "1",
    "PRODOPS_WORKER_LIMIT": "8",
}
NAMESPACES = ("alpha", "beta")
VICTIMS = ("run", "guardian", "worker", "api", "relay", "prefect", "postgres")
SEED = 20261122
OUTAGE_SECONDS = 180  # Prefect's own client would sleep for two more minutes by then
CLAIM_SECONDS = 15
FAILOVER_SECONDS = 20
FROZEN_SECONDS = 12


@pytest.fixture(scope="module")
def hard_site() -> Iterator[Site]:
    with running_stack(SETTINGS, is_durable=True) as stack:
        with site_of(stack) as site:
            yield site
        stack.stop()
        assert processes_of(stack) == []


@dataclass
class Listener:
    """A client of the stream that comes back after any break, with the last id that it got."""

    url: str
    token: str
    ids: list[int] = field(default_factory=list)
    breaks: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(20)

    @property
    def last_id(self) -> int:
        return self.ids[-1] if self.ids else 0

    def _listen(self) -> None:
        with httpx.Client(base_url=self.url, timeout=5) as client:
            while not self._stopping.is_set():
                try:
                    self._follow(client)
                except httpx.TransportError:
                    self.breaks += 1
                self._stopping.wait(0.2)

    def _follow(self, client: httpx.Client) -> None:
        headers = {"Authorization": f"Token {self.token}", "Last-Event-ID": str(self.last_id)}
        with client.stream("GET", "/api/messages/stream/", headers=headers) as answer:
            if not answer.is_success:  # 503, while the database is away
                self.breaks += 1
                return
            event_id = None
            for line in answer.iter_lines():
                if line.startswith("id:"):
                    event_id = int(line[3:])
                elif not line and event_id is not None:  # a frame that was cut off does not count
                    self.ids.append(event_id)
                    event_id = None
                if self._stopping.is_set():
                    return


# ------------------------------------------------------------------ outages, one at a time


@pytest.mark.slow
def test_a_lost_database_is_told_with_503_and_what_was_accepted_is_kept(hard_site: Site):
    assert hard_site.send(stf_message("outage", 1)).status_code == 201
    hard_site.stack.stop_part("postgres")
    assert hard_site.send(stf_message("outage", 2)).status_code == 503
    assert hard_site.api.post("/api/actions/check_pipeline/").status_code == 503
    hard_site.stack.start_part("postgres")
    wait_until(patiently(lambda: set(hard_site.inbox("outage").values()) == {"sampled"}))
    assert len(hard_site.inbox("outage")) == 1
    assert hard_site.send(stf_message("outage", 2)).status_code == 201
    wait_until(hard_site.is_quiet)


@pytest.mark.slow
def test_a_request_that_comes_while_prefect_is_away_runs_when_it_is_back(hard_site: Site):
    hard_site.ended(hard_site.trigger("check_pipeline"))  # the worker has just seen the pool
    hard_site.kill("prefect")
    triggered = [hard_site.trigger("check_pipeline") for _ in range(3)]
    ends = [hard_site.ended(each) for each in triggered]
    assert {end.state for end in ends} == {"completed"}, [end.error for end in ends]


@pytest.mark.slow
def test_after_minutes_without_a_database_the_first_claim_comes_within_seconds(hard_site: Site):
    before = {part: hard_site.stack.pid(part) for part in ("api", "worker", "relay", "prefect")}
    hard_site.stack.stop_part("postgres")
    assert stays(
        lambda: hard_site.send(stf_message("outage", 3)).status_code == 503, OUTAGE_SECONDS
    )
    hard_site.stack.start_part("postgres")
    back = time.monotonic()
    wait_until(lambda: hard_site.send(stf_message("outage", 3)).status_code == 201)
    triggered = hard_site.trigger("check_pipeline")
    wait_until(lambda: hard_site.request(triggered).claimed_at is not None)
    assert time.monotonic() - back < CLAIM_SECONDS
    assert hard_site.ended(triggered).state == "completed"
    assert {part: hard_site.stack.pid(part) for part in before} == before, "a part was restarted"


@pytest.mark.slow
def test_a_failover_is_told_and_no_part_or_run_is_lost(hard_site: Site):
    before = {part: hard_site.stack.pid(part) for part in ("api", "worker", "relay", "prefect")}
    assert hard_site.send(stf_message("failover", 1)).status_code == 201
    wait_until(lambda: set(hard_site.inbox("failover").values()) == {"sampled"})
    with read_only(hard_site.stack):
        assert wait_until(lambda: hard_site.send(stf_message("failover", 2)).status_code == 503)
        health = hard_site.api.get("/api/health/")
        assert (health.status_code, health.json()["database"]) == (503, "read_only")
        assert stays(lambda: hard_site.api.get("/fastmon/").status_code == 200, FAILOVER_SECONDS)
    wait_until(lambda: hard_site.send(stf_message("failover", 2)).status_code == 201, 30)
    hard_site.ended(hard_site.trigger("check_pipeline"))
    wait_until(hard_site.is_quiet)
    assert set(hard_site.inbox("failover").values()) == {"sampled"}
    served = [
        each for each in hard_site.requests(action="sample_stfs") if each.subject == "failover"
    ]
    assert {(each.state, each.attempts) for each in served} == {("completed", 1)}
    assert {part: hard_site.stack.pid(part) for part in before} == before, "a part was restarted"


@pytest.mark.slow
def test_a_database_that_stands_still_is_told_within_seconds_and_heals(hard_site: Site):
    frozen = Part(hard_site.stack, "postgres")
    frozen.freeze()
    try:
        began = time.monotonic()
        page = hard_site.api.get("/requests/", timeout=FROZEN_SECONDS)
        assert (page.status_code, time.monotonic() - began < FROZEN_SECONDS) == (503, True)
        assert "the database has not answered since" in page.text
        again = time.monotonic()
        health = hard_site.api.get("/api/health/", timeout=FROZEN_SECONDS)
        assert (health.status_code, health.json()["database"]) == (503, "away")
        assert time.monotonic() - again < 2
    finally:
        frozen.thaw()
    wait_until(lambda: hard_site.api.get("/api/health/").status_code == 200, CLAIM_SECONDS)
    assert hard_site.ended(hard_site.trigger("check_pipeline")).state == "completed"


@contextmanager
def read_only(stack: Stack) -> Iterator[None]:
    """Every session of the server refuses writes, as on a standby; also those that are there."""
    admin = Server(stack.settings.database.port, Credentials(stack.state_dir / "secrets")).admin()

    def switch(word: str) -> None:
        with admin.connect() as connection:
            connection.execute(text(f"ALTER SYSTEM SET default_transaction_read_only = {word}"))
            connection.execute(text("SELECT pg_reload_conf()"))

    switch("on")
    try:
        yield
    finally:
        switch("off")
        admin.dispose()


# ------------------------------------------------------------------ everything, at random


def kill_one(site: Site, victim: str, chance: random.Random) -> None:
    """Kill a part, the worker's guardian or a run's process, whatever state it is in."""
    if victim == "run":
        pid = chance.choice(wait_until(site.runs)).pid
    elif victim == "guardian":
        pid = site.guardian().pid
    else:
        pid = wait_until(lambda: pid_of(site, victim))
    os.kill(pid, signal.SIGKILL)


def pid_of(site: Site, part: str) -> int | None:
    try:
        return site.stack.pid(part)
    except StackDown:
        return None


def settled(site: Site, listeners: list[Listener]) -> bool:
    """Whether nothing is open and every listener has the newest event."""
    if not site.is_quiet():
        return False
    with transaction(site.engine) as session:
        newest = session.scalar(select(func.max(Event.id)))
    return all(listener.last_id == newest for listener in listeners)


def processes_of(stack: Stack) -> list[psutil.Process]:
    """Every process that was started for the stack, by its environment."""
    mark = str(stack.state_dir)
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PRODOPS_STATE_DIR") == mark:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_kills_at_random_moments_under_load_lose_and_double_nothing(hard_site: Site):
    chance = random.Random(SEED)
    site, stack = hard_site, hard_site.stack
    victims = [*VICTIMS, *VICTIMS]
    chance.shuffle(victims)
    with (
        Listener(stack.api_url, site.token) as one,
        Listener(stack.api_url, site.token) as two,
        Feeder(stack.api_url, site.token, NAMESPACES, rate_hz=20) as feeder,
    ):
        for victim in victims:
            time.sleep(chance.uniform(0.2, 3.0))  # any moment
            kill_one(site, victim, chance)
        wait_until(patiently(lambda: len(site.runs()) > 0))
        feeder.__exit__()
        wait_until(patiently(lambda: settled(site, [one, two])))
        wait_until(lambda: untold_states(site) == Counter())
        wait_until(patiently(lambda: settled(site, [one, two])))
    assert feeder.refusals
    assert one.breaks
    check_that_each_stf_is_decided_and_announced_once(site, feeder)
    assert [event.id for event in site.events()] == one.ids == two.ids
    assert site.runs() == []


def check_that_each_stf_is_decided_and_announced_once(site: Site, feeder: Feeder) -> None:
    decided = {name: state for each in NAMESPACES for name, state in site.inbox(each).items()}
    assert set(feeder.accepted) <= set(decided)
    assert Counter(decided.values()) == {"sampled": len(decided)}
    wanted = {
        f"{name.removesuffix('.stf')}_tf_{number:03d}.tf"
        for name in decided
        for number in range(1, TFS_PER_STF + 1)
    }
    registered = [name for name in site.tf_names() if name.split(".")[1] in NAMESPACES]
    assert Counter(registered) == Counter(wanted)
    events = site.events(msg_type="tf_file_registered")
    told = [event.payload["tf_filename"] for event in events if event.namespace in NAMESPACES]
    assert Counter(told) == Counter(wanted)


def untold_states(site: Site) -> Counter[tuple[str, str, str]]:
    """Prefect's states of our runs, less those that were told as events, and the reverse."""
    told: Counter[tuple[str, str, str]] = Counter()
    for event in site.events(msg_type="flow_run_state"):
        told[str(event.flow_run_id), event.payload["state_name"], event.payload["timestamp"]] += 1
    runs = site.ask("POST", "/flow_runs/filter", limit=200)
    actual = Counter(
        (run["id"], state["name"], state["timestamp"].replace("Z", "+00:00"))
        for run in runs
        if run["deployment_id"] and run["state_type"] != "SCHEDULED"
        for state in site.states_of(run["id"])
    )
    return (actual - told) + (told - actual)
