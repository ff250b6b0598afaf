"""What a leg comes to, by what it raises: ours is failed, the outside's is unknown."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from blocks.checks import Check
from blocks.errors import NotFound, OutsideUnavailable
from blocks.monitor_api.errors import MonitorUnavailable
from flows.canary import legs, tasks
from flows.canary.domain import Leg, LegState
from flows.canary.legs import LegFailed, LegSkipped, LegUnknown
from flows.common import run
from flows.common.claims import ClaimLost
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
    with pytest.raises(kind, match="Rucio, ping: "):
        tasks._checked(Check("ping", lambda: raising(error)(None)), 5.0)


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
