"""A backup that is made under load and restored: clients resume right, and nothing is doubled."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from deployments.stack.parts import GRID
from deployments.stack.stack import Stack
from flows.common.models import RequestState
from flows.payload_logs import cache
from tests.e2e.conftest import Feeder, Site
from tests.e2e.production import Production, production_of
from tests.grid import RunningGrid, require_grid
from tests.stacks import running_stack
from tests.support import one_campaign
from tests.waiting import wait_until
from tests.whole_stack import PRODUCTION

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_FRAME = re.compile(rb"id: (\d+)\nevent: (\S+)\ndata: (.*)\n\n")
_NOTICE = re.compile(rb"event: position_unknown\ndata: (.*)\n\n")
_STAY_UP = {"postgres", "panda", *GRID}
_HEAL_SECONDS = 300


def prodops(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of an operator, who has the stack's settings and nothing of its zones'."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "deployments.cli", *words],
        env={**kept, "PYTHONPATH": str(Path(__file__).parents[4]), **stack._given},
        cwd=stack.state_dir,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@dataclass
class Listener:
    """A client of the stream that comes back with its last id, whatever happens."""

    site: Site
    seen: dict[int, set[bytes]] = field(default_factory=dict)
    notices: list[dict[str, Any]] = field(default_factory=list)
    last_id: int = 0
    _ending: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)

    def _listen(self) -> None:
        headers = {"Authorization": f"Token {self.site.token}"}
        with httpx.Client(base_url=self.site.stack.api_url, headers=headers, timeout=3) as client:
            while not self._ending.wait(0.2):
                try:
                    self._follow(client)
                except httpx.TransportError:
                    continue

    def _follow(self, client: httpx.Client) -> None:
        headers = {"Last-Event-ID": str(self.last_id)}
        with client.stream("GET", "/api/messages/stream/", headers=headers) as response:
            text = b""
            for piece in response.iter_raw():
                text += piece
                end = text.rfind(b"\n\n") + 2
                self._take(text[:end])
                text = text[end:]
                if self._ending.is_set():
                    return

    def _take(self, text: bytes) -> None:
        self.notices += [json.loads(each) for each in _NOTICE.findall(text)]
        for number, _, data in _FRAME.findall(text):
            self.last_id = int(number)
            self.seen.setdefault(self.last_id, set()).add(data)


@dataclass
class Story:
    """What happened around the restore."""

    production: Production
    listener: Listener
    grid: RunningGrid
    swept_at_backup: int
    fetched_at_backup: int
    ends_before: dict[int, str]
    """How the sweep and the fetch ended before the restore, which forgets it."""
    sent_at_backup: tuple[str, int]
    sent_later: tuple[str, int]
    refused: str
    restored: dict[str, Any]
    pressed: int

    @property
    def lost_id(self) -> int:
        """The last event that the client had when the history ended."""
        return max(each for each in self.listener.seen if each < self.restored["event_id"])


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    require_grid()
    directory = str(tmp_path_factory.mktemp("backups") / "b")
    settings = {**PRODUCTION, "PRODOPS_SANDBOX_GRID": "true"}
    with running_stack(settings) as stack, production_of(stack) as production:
        site, grid = production.site, RunningGrid(stack.settings, stack)
        one_campaign.prepare_pcs(site.api)
        one_campaign.fill(grid)
        production.panda.post("jobs", json=one_campaign.JOB).raise_for_status()
        with Listener(site) as listener:
            with Feeder(stack.api_url, site.token, ["load"], rate_hz=5):
                wait_until(lambda: len(site.inbox("load")) >= 10)
                slow, later = production.task(), production.task()
                production.fault("slow", when="after", name=slow, seconds=3)
                slow_request = production.submit(slow)
                production.wait_for_step(slow_request, "send")
                with grid.stalled("rucio"):
                    sweep = site.trigger(
                        "campaign_provenance_sweep", campaign=one_campaign.CAMPAIGN
                    )
                    fetch = site.trigger("fetch_payload_log", **one_campaign.LOG)
                    for number in (sweep, fetch):
                        site.running(number)
                    made = prodops(stack, "backup", directory, "--json")
                    assert made.returncode == 0, made.stderr
                    assert {site.state(sweep), site.state(fetch)} == {RequestState.RUNNING}
                later_request = production.submit(later)
                production.final(later_request)
                production.final(slow_request)
            first = production.show(later)["panda_task_id"]
            ends_before = {n: site.ended(n, _HEAL_SECONDS).state for n in (sweep, fetch)}
            wait_until(lambda: listener.last_id >= site.events()[-1].id)
            refused = prodops(stack, "restore", directory, "--replace")
            restored = _restore(site, directory)
            pressed = production.post(later, "submit").status_code
            with Feeder(stack.api_url, site.token, ["after"], rate_hz=5) as feeder:
                wait_until(lambda: len(feeder.accepted) >= 10, _HEAL_SECONDS)
            wait_until(site.is_quiet, _HEAL_SECONDS)
            yield Story(
                production,
                listener,
                grid,
                sweep,
                fetch,
                ends_before,
                sent_at_backup=(slow, slow_request),
                sent_later=(later, first),
                refused=refused.stderr,
                restored=restored,
                pressed=pressed,
            )


def _restore(site: Site, directory: str) -> dict[str, Any]:
    """End the parts, restore, and start them; what is outside of the databases goes on."""
    parts = [name for name in site.stack.part_names if name not in _STAY_UP]
    for name in reversed(parts):
        site.stack.stop_part(name)
    site.engine.dispose()
    done = prodops(site.stack, "restore", directory, "--replace", "--json")
    assert done.returncode == 0, done.stderr
    for name in parts:
        site.stack.start_part(name)
    return dict(json.loads(done.stdout))


def test_a_restore_is_refused_while_parts_are_connected(story: Story):
    assert story.refused.count("\n") >= 1
    assert "parts are connected: " in story.refused
    assert "prodops_web from 127.0.0.1" in story.refused


def test_no_id_comes_twice_with_another_content(story: Story):
    assert [number for number, data in story.listener.seen.items() if len(data) > 1] == []
    assert story.restored["event_id"] > story.lost_id


def test_a_client_that_got_further_than_the_backup_is_told_and_misses_nothing_since(story: Story):
    wait_until(lambda: story.listener.notices)
    [notice] = story.listener.notices
    assert notice["last_event_id"] < story.lost_id
    assert f"event {story.lost_id} is not known here" in notice["reason"]
    since = [e.id for e in story.production.site.events() if e.id >= story.restored["event_id"]]
    wait_until(lambda: story.listener.last_id >= since[-1])
    assert set(since) <= set(story.listener.seen)


def test_a_sweep_and_a_fetch_that_ran_at_the_backup_are_run_again_and_come_out_right(story: Story):
    """Both had ended by the restore, which does not know it; what they had made is made again."""
    site = story.production.site
    asked = (story.swept_at_backup, story.fetched_at_backup)
    assert story.ends_before == dict.fromkeys(asked, RequestState.COMPLETED)
    for number, final in zip(
        asked, ("campaign_provenance_ready", "payload_log_ready"), strict=True
    ):
        ended = site.ended(number, _HEAL_SECONDS)
        assert (ended.state, ended.error) == (RequestState.COMPLETED, None)
        assert ended.attempts >= 2
        [event] = site.events(request_id=number, msg_type=final)
        assert event.id > story.restored["event_id"]
    log = one_campaign.LOG
    tmp_dir = story.grid.settings.stack.tmp_dir
    directory = cache.directory_of(tmp_dir, log["jeditaskid"], log["pandaid"])
    assert (directory / "payload.stdout").read_bytes() == b"done"


def test_what_was_being_sent_at_the_backup_is_found_at_panda_and_not_sent_again(story: Story):
    production, (name, request_id) = story.production, story.sent_at_backup
    assert production.site.ended(request_id, _HEAL_SECONDS).state == RequestState.COMPLETED
    shown = production.show(name)
    assert production.live(shown["composed_name"]) == [shown["panda_task_id"]]


def test_what_was_submitted_after_the_backup_is_adopted_and_not_sent_again(story: Story):
    """By the request that asks for it again, or by the sync, whichever comes first."""
    production, (name, first) = story.production, story.sent_later
    assert story.pressed in {200, 409}
    wait_until(lambda: production.show(name)["panda_task_id"] == first, _HEAL_SECONDS)
    wait_until(production.site.is_quiet, _HEAL_SECONDS)
    assert production.live(production.show(name)["composed_name"]) == [first]
    assert production.post(name, "submit").status_code == 409


def test_every_stf_that_is_there_is_sampled_once(story: Story):
    site = story.production.site
    for namespace in ("load", "after"):
        wait_until(lambda: set(site.inbox(namespace).values()) == {"sampled"}, _HEAL_SECONDS)  # noqa: B023
    assert len(site.tf_names()) == len(set(site.tf_names()))


def test_the_backup_and_the_former_databases_are_kept(story: Story):
    kept = story.restored["kept"]
    assert [name.partition("_before_restore_")[0] for name in kept] == ["prodops", "prefect"]
