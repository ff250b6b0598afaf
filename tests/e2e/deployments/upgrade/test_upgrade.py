"""This version goes on with what a former one left: everything that was open ends."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deployments.schema import newest
from deployments.stack.stack import Stack
from deployments.stack.temporary import temporary_settings
from flows.common.models import RequestState
from tests.e2e.deployments.upgrade.former import Former, versions
from tests.e2e.deployments.upgrade.leaving import (
    Left,
    fill_grid,
    given_of,
    leave,
    of_former,
    restored_from_dump,
)
from tests.e2e.deployments.upgrade.making import SAMPLED, STFS, WAITING
from tests.e2e.production import Production, production_of
from tests.grid import require_grid
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.filterwarnings("default:.*is not in this history"),
]

_HEAL_SECONDS = 400
FINAL = {"completed", "failed", "cancelled"}
_TAKEN_AWAY_SINCE = "0005"


@dataclass
class Upgraded:
    """This version, on what another one left."""

    left: Left
    production: Production
    former: Former | None
    """What of it can be started; None where only its dump is there."""


@pytest.fixture(scope="module", params=list(versions()))
def upgraded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upgraded]:
    version = versions()[request.param]
    require_grid()
    former = None
    with given_of() as given:
        if version.is_in_history:
            with of_former(version, tmp_path_factory.mktemp("former"), given) as former:
                left = leave(former, given)
                former.do("kill")
                former.process.wait(60)
        else:
            message = f"{version.commit} is not in this history: its checked-in dump is upgraded"
            warnings.warn(pytest.PytestWarning(message), stacklevel=1)
            left = restored_from_dump(version, given)
        fill_grid(given)
        stack = Stack(temporary_settings(given), given)
        try:
            stack.start()
            with stack.watched(), production_of(stack) as production:
                wait_until(production.site.is_quiet, _HEAL_SECONDS)
                yield Upgraded(left, production, former)
        finally:
            stack.stop()


def test_something_was_left_in_every_state_and_of_the_kinds_that_there_were(upgraded: Upgraded):
    left = upgraded.left
    assert set(left.states.values()) == set(RequestState)
    of_state: dict[str, set[str]] = {}
    for number, state in left.states.items():
        of_state.setdefault(state, set()).add(left.actions[number])
    assert of_state["running"] >= {
        "submit_task",
        "sample_stfs",
        "fetch_payload_log",
        "campaign_provenance_sweep",
    }
    assert of_state["queued"] >= {"submit_task", "sample_stfs", "evgen_rucio_update"}


def test_what_was_open_ends_and_what_had_ended_stays(upgraded: Upgraded):
    left, site = upgraded.left, upgraded.production.site
    for number in left.open:
        wait_until(lambda: site.state(number) in FINAL, _HEAL_SECONDS)  # noqa: B023
    ends = {number: site.request(number) for number in left.states}
    wanted = {
        number: left.expected.get(number, "completed") if number in left.open else state
        for number, state in left.states.items()
    }
    wrong = {n: (r.action, r.state, r.error) for n, r in ends.items() if r.state != wanted[n]}
    assert wrong == {}


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
    for namespace in (SAMPLED, WAITING):
        wait_until(lambda: set(site.inbox(namespace).values()) == {"sampled"}, _HEAL_SECONDS)  # noqa: B023
        assert len(site.inbox(namespace)) == STFS
    assert len(site.tf_names()) == len(set(site.tf_names()))


def test_what_is_asked_for_now_is_done(upgraded: Upgraded):
    site = upgraded.production.site
    assert site.ended(site.trigger("check_pipeline")).state == "completed"
    name = upgraded.production.task()
    assert upgraded.production.final(upgraded.production.submit(name)).msg_type == (
        "prodtask_submitted"
    )


def test_the_former_version_does_not_start_on_the_new_schema_and_says_so(upgraded: Upgraded):
    """`prodops up` migrates first; what it says ends it."""
    if (former := upgraded.former) is None:
        pytest.skip("the dump has no code to run")
    said = (process := former.prodops("migrate")).communicate(timeout=120)[1]
    assert process.returncode != 0
    assert newest() in said


def test_there_is_no_way_back_over_what_took_something_away(upgraded: Upgraded):
    former = upgraded.former
    if former is None or former.version.revision != _TAKEN_AWAY_SINCE:
        pytest.skip("from there on migrations only add: the way back is tried side by side")
    said = former.migrate("--back-to", former.version.revision)
    assert f"migrations since {_TAKEN_AWAY_SINCE} took something away" in said
    assert "the backup that was made then" in said


def test_a_token_of_then_is_good(upgraded: Upgraded):
    if not upgraded.left.token:
        pytest.skip("the dump has only its hash")
    headers = {"Authorization": f"Token {upgraded.left.token}"}
    answer = upgraded.production.site.api.get("/api/requests/", headers=headers)
    assert answer.status_code == 200
