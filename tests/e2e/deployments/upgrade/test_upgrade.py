"""This version goes on with what a former one left: everything that was open ends."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deployments.stack.stack import Stack
from deployments.stack.temporary import temporary_settings
from tests.e2e.deployments.upgrade.former import versions
from tests.e2e.deployments.upgrade.leaving import (
    STFS,
    Left,
    given_of,
    leave,
    of_former,
    restored_from_dump,
)
from tests.e2e.production import Production, production_of
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default:.*is not in this history"),
]

_HEAL_SECONDS = 180
FINAL = {"completed", "failed", "cancelled"}


@dataclass
class Upgraded:
    """This version, on what another one left."""

    left: Left
    production: Production


@pytest.fixture(scope="module", params=list(versions()))
def upgraded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upgraded]:
    version = versions()[request.param]
    with given_of() as given:
        if version.is_in_history:
            with of_former(version, tmp_path_factory.mktemp("former"), given) as former:
                left = leave(former, given)
        else:
            message = f"{version.commit} is not in this history: its checked-in dump is upgraded"
            warnings.warn(pytest.PytestWarning(message), stacklevel=1)
            left = restored_from_dump(version, given)
        stack = Stack(temporary_settings(given), given)
        try:
            stack.start()
            with stack.watched(), production_of(stack) as production:
                wait_until(production.site.is_quiet, _HEAL_SECONDS)
                yield Upgraded(left, production)
        finally:
            stack.stop()


def test_something_was_left_in_every_state(upgraded: Upgraded):
    states = set(upgraded.left.states.values())
    assert states >= {"queued", "running", "unknown", "completed", "failed"}
    assert upgraded.left.cancelled


def test_what_was_open_ends_and_what_had_ended_stays(upgraded: Upgraded):
    left, site = upgraded.left, upgraded.production.site
    for number in left.open:
        wait_until(lambda: site.state(number) in FINAL, _HEAL_SECONDS)  # noqa: B023
        wanted = "cancelled" if number in left.cancelled else "completed"
        ended = site.request(number)
        assert ended.state == wanted, f"{number}: {ended.state}, {ended.error}"
    for number in left.states.keys() - left.open:
        assert site.state(number) == left.states[number]


def test_no_task_is_at_panda_twice(upgraded: Upgraded):
    tasks = upgraded.production.panda.get("tasks").json()
    names = [each["parameters"]["taskName"].rstrip("/") for each in tasks]
    assert len(names) == len(set(names))
    assert names


def test_no_event_is_changed_and_new_ones_have_higher_ids(upgraded: Upgraded):
    now = {event.id: event.payload for event in upgraded.production.site.events()}
    before = upgraded.left.events
    assert {number: now[number] for number in before} == before
    assert max(now) > max(before)


def test_each_stf_that_was_accepted_is_sampled_once(upgraded: Upgraded):
    site = upgraded.production.site
    wait_until(lambda: set(site.inbox("epic").values()) == {"sampled"}, _HEAL_SECONDS)
    assert len(site.inbox("epic")) == STFS
    assert len(site.tf_names()) == len(set(site.tf_names()))


def test_what_is_asked_for_now_is_done(upgraded: Upgraded):
    site = upgraded.production.site
    assert site.ended(site.trigger("check_pipeline")).state == "completed"
    name = upgraded.production.task()
    assert upgraded.production.final(upgraded.production.submit(name)).msg_type == (
        "prodtask_submitted"
    )


def test_a_token_of_then_is_good(upgraded: Upgraded):
    if not upgraded.left.token:
        pytest.skip("the dump has only its hash")
    headers = {"Authorization": f"Token {upgraded.left.token}"}
    answer = upgraded.production.site.api.get("/api/requests/", headers=headers)
    assert answer.status_code == 200
