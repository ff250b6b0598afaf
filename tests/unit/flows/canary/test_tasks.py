"""What a leg comes to, by what it raises: ours is failed, the outside's is unknown."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from blocks.checks import Check
from blocks.errors import NotFound, OutsideUnavailable
from blocks.monitor_api.actions import ActionState
from blocks.monitor_api.errors import MonitorUnavailable
from flows.canary import legs, outside, tasks
from flows.canary.domain import Leg, LegState
from flows.canary.legs import LegFailed, LegSkipped, LegUnknown
from flows.common import outages, run
from flows.common.claims import ClaimLost
from flows.common.outsides import RUCIO_PRODUCED
from flows.common.settings import settings


def walked(monkeypatch, leg: Callable[[object], str]):
    monkeypatch.setattr(run, "current", SimpleNamespace)
    monkeypatch.setattr(tasks, "_WALKS", {Leg.LOG: leg})
    return tasks.walk.fn(Leg.LOG)


def raising(error: Exception) -> Callable[[object], str]:
    def leg(_: object) -> str:
        raise error

    return leg


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (LegFailed("x"), LegState.FAILED),
        (MonitorUnavailable("x"), LegState.FAILED),
        (LegUnknown("x"), LegState.UNKNOWN),
        (LegSkipped("x"), LegState.SKIPPED),
    ],
)
def test_what_is_wrong_with_a_leg_is_in_what_it_comes_to(monkeypatch, error, state):
    found = walked(monkeypatch, raising(error))
    assert (found.state, found.text) == (state, "x")


def test_a_leg_that_passes_says_what_it_found(monkeypatch):
    assert walked(monkeypatch, lambda _: "seven TFs").row() | {"seconds": 0} == {
        "leg": "log", "state": "passed", "seconds": 0, "text": "seven TFs"
    }  # fmt: skip


def test_a_run_that_has_lost_its_claim_ends_and_says_nothing_of_the_leg(monkeypatch):
    with pytest.raises(ClaimLost):
        walked(monkeypatch, raising(ClaimLost("another holds it")))


@pytest.mark.parametrize(
    ("error", "kind"),
    [(OutsideUnavailable("away"), LegUnknown), (NotFound("no account"), LegFailed)],
)
def test_a_rucio_that_is_away_is_unknown_and_one_that_refuses_us_is_a_failure(error, kind):
    with pytest.raises(kind, match="Rucio of produced data, ping: "):
        outside._checked(RUCIO_PRODUCED, Check("ping", lambda: raising(error)(None)), 5.0)


def test_without_a_token_or_with_one_slot_the_legs_over_rest_are_skipped(monkeypatch, tmp_path):
    with pytest.raises(LegSkipped, match="PRODOPS_CANARY_TOKEN_FILE"):
        legs.monitor_of(settings())
    monkeypatch.setenv("PRODOPS_CANARY_TOKEN_FILE", str(tmp_path / "none"))
    settings.cache_clear()
    with pytest.raises(LegFailed, match="cannot be read"):
        legs.monitor_of(settings())
    monkeypatch.setenv("PRODOPS_WORKER_LIMIT", "1")
    settings.cache_clear()
    with pytest.raises(LegSkipped, match="PRODOPS_WORKER_LIMIT"):
        legs.monitor_of(settings())


class Monitor:
    """A web tier at which every request ends in one way."""

    def __init__(self, end: ActionState | Exception) -> None:
        self.end = end

    def ended(self, *_: object) -> ActionState:
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


def ended(state: str, **more) -> ActionState:
    return ActionState(id=7, state=state, **more)


def done(monkeypatch, end: ActionState | Exception, *, silent: str = ""):
    """What becomes of a leg's request, with an outside that is silent or is not."""

    def require(*_: object) -> None:
        if silent:
            raise LegUnknown(silent)

    monkeypatch.setattr(tasks, "monitor_of", lambda _: Monitor(end))
    monkeypatch.setattr(outside, "require_answers", require)
    return tasks._done(SimpleNamespace(settings=None, sources=None), "sweep", {})


def test_a_request_that_fails_fails_the_leg_with_its_reason(monkeypatch):
    with pytest.raises(LegFailed, match="request 7 failed: no such thing"):
        done(monkeypatch, ended("failed", error="no such thing"))


def test_a_request_that_says_that_it_failed_by_an_outage_leaves_the_leg_unknown(monkeypatch):
    end = ended("failed", error="closed", result=outages.result_of(is_outage=True))
    with pytest.raises(LegUnknown, match="closed"):
        done(monkeypatch, end)


@pytest.mark.parametrize(
    "end",
    [ended("failed", error="timeout"), legs.EndNotHeard("sweep", ended("running"))],
)
def test_where_an_outside_is_silent_afterwards_the_leg_is_unknown(monkeypatch, end):
    with pytest.raises(LegUnknown, match=r"request 7.*Rucio is away"):
        done(monkeypatch, end, silent="Rucio is away")


def test_a_request_whose_end_is_not_heard_of_fails_the_leg_where_all_outside_answers(monkeypatch):
    with pytest.raises(LegFailed, match="it is running"):
        done(monkeypatch, legs.EndNotHeard("sweep", ended("running")))


def sweep(monkeypatch, **environment: str):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return tasks._sweep(SimpleNamespace(settings=settings(), sources=None))


def test_a_sweep_without_a_campaign_or_without_a_slot_for_it_is_skipped(monkeypatch):
    with pytest.raises(LegSkipped, match="PRODOPS_CANARY_CAMPAIGN"):
        sweep(monkeypatch)
    with pytest.raises(LegSkipped, match="PRODOPS_WORKER_LIMIT"):
        sweep(monkeypatch, PRODOPS_CANARY_CAMPAIGN="canary", PRODOPS_WORKER_LIMIT="3")


def test_a_sweep_that_waits_for_others_is_unknown(monkeypatch):
    late = legs.EndNotHeard("sweep", ended("queued"))
    monkeypatch.setattr(tasks, "monitor_of", lambda _: Monitor(late))
    monkeypatch.setattr(outside, "require_answers", lambda *_: None)
    with pytest.raises(LegUnknown, match="slots of background work"):
        sweep(monkeypatch, PRODOPS_CANARY_CAMPAIGN="canary")
