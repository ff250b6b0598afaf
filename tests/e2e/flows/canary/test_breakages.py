"""The chain is broken at one leg: the canary names it, and its failure is an alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deployments.sandbox.canary import LOG
from deployments.sandbox.grid.canary import LOG_RSE
from deployments.sandbox.grid.grid import Grid
from flows.common.callers import on_ops_side
from flows.common.database import transaction
from flows.common.models import Request
from flows.notifications.domain.words import ChannelKind, What
from flows.notifications.repository import channels, wishes
from flows.notifications.schemas import RuleForm
from tests.e2e.conftest import Site
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

CHANNEL = "canary"
ALARM_SECONDS = 90


def walk(site: Site) -> Request:
    return site.ended(site.trigger("run_canary"), 240)


def states(walked: Request) -> dict[str, str]:
    assert walked.result is not None, walked.error
    return {each["leg"]: each["state"] for each in walked.result["legs"]}


@contextmanager
def closed_sampler(site: Site) -> Iterator[None]:
    """While no run of the sampler may begin."""
    path, pool = f"/deployments/{site.deployment('sample_stfs')}", "/work_pools/prodops/queues"
    wait_until(site.is_quiet)
    site.ask("POST", pool, name="closed", is_paused=True)
    site.ask("PATCH", path, work_pool_name="prodops", work_queue_name="closed")

    def is_known() -> bool:
        edits = site.api.get("/api/system/").json()["edits"]
        return "sample_stfs" in {each["deployment"] for each in edits}

    try:
        wait_until(is_known, pause=1)
        yield
    finally:
        site.ask("PATCH", path, work_pool_name="prodops", work_queue_name="default")
        site.ask("DELETE", f"{pool}/closed")


@contextmanager
def lost_log(site: Site) -> Iterator[None]:
    """While the archive is not at its door, although Rucio says so."""
    path = Grid(site.stack.settings).door_path(LOG_RSE, LOG[1])
    aside = path.with_name("aside")
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


@contextmanager
def no_relay(site: Site) -> Iterator[None]:
    """While nobody tells the stream of the ends of runs."""
    site.stack.stop_part("relay")
    try:
        yield
    finally:
        site.stack.start_part("relay")


@contextmanager
def no_rucio(site: Site) -> Iterator[None]:
    """While Rucio is down."""
    site.stack.stop_part("rucio")
    try:
        yield
    finally:
        site.stack.start_part("rucio")


@contextmanager
def no_door(site: Site) -> Iterator[None]:
    """While the door of the log is closed."""
    site.stack.stop_part("door")
    try:
        yield
    finally:
        site.stack.start_part("door")


@pytest.fixture
def rule(site: Site, tmp_path: Path) -> Iterator[int]:
    """A rule of the alarm, while the last canary, if there was any, came through."""
    before = site.requests(action="run_canary")[-1:]
    if any((each.result or {}).get("state") != "passed" for each in before):
        assert set(states(walk(site)).values()) == {"passed"}
    file = tmp_path / "channel.url"
    file.write_text("file:canary.jsonl")
    file.chmod(0o600)
    with transaction(site.engine) as session:
        channels.add(session, CHANNEL, ChannelKind.FILE, url_file=file)
        form = RuleForm(channel=CHANNEL, what=What.ALARM, name="canary_failed")
        made = wishes.save_rule(session, form, on_ops_side("tester"))
    yield made
    with transaction(site.engine) as session:
        channels.remove(session, CHANNEL)


def alarms(site: Site, rule: int) -> list[dict[str, Any]]:
    told = [each.payload for each in site.events(msg_type="alarm")]
    return [each for each in told if each["rule_id"] == rule]


def await_alarm(site: Site, rule: int, *, is_over: bool) -> dict[str, Any]:
    """The alarm's begin or end, which is looked for soon after something happened."""

    def found() -> list[dict[str, Any]]:
        site.trigger("check_pipeline")
        return [each for each in alarms(site, rule) if each["is_over"] is is_over]

    [alarm] = wait_until(found, ALARM_SECONDS, pause=3)
    return alarm


Broken = Callable[[Site], AbstractContextManager[None]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "state", "legs"),
    [
        pytest.param(lost_log, "failed", {"log": "failed"}, id="log"),
        pytest.param(
            closed_sampler, "failed", {"messages": "failed"},
            id="sampler",
        ),
        pytest.param(
            no_relay, "failed", {"requests": "failed", "log": "failed", "sweep": "failed"},
            id="relay",
        ),
        pytest.param(
            no_rucio, "unknown", {"log": "unknown", "sweep": "unknown", "rucio": "unknown"},
            id="rucio",
        ),
        pytest.param(
            no_door, "unknown", {"log": "unknown"},
            id="door",
        ),
    ],
)  # fmt: skip
def test_a_broken_leg_is_named_by_the_event_and_by_the_alarm_which_is_over_when_it_is_mended(
    site: Site, rule: int, broken: Broken, state: str, legs: dict[str, str]
):
    severity = "error" if state == "failed" else "warning"
    with broken(site):
        ended = walk(site)
        expected = dict.fromkeys(("messages", "requests", "log", "sweep", "rucio"), "passed")
        assert states(ended) == expected | legs, ended.result
        assert ended.state == ("failed" if state == "failed" else "completed")
        [said] = [e.payload for e in site.events(request_id=ended.id, msg_type="canary_failed")]
        assert said["state"] == state
        alarm = await_alarm(site, rule, is_over=False)
    assert alarm["severity"] == severity
    for text in (said["error"], alarm["text"]):
        for leg, how in legs.items():
            assert f"{leg} {how}: " in text
    assert states(walk(site)) == expected
    await_alarm(site, rule, is_over=True)
    assert len(alarms(site, rule)) == 2
