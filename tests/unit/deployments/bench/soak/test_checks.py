"""What must hold when the load is over: each breach is found, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.bench.outage import load
from deployments.bench.outage.checks import BreachKind
from deployments.bench.outage.evidence import Asked
from deployments.bench.soak import checks
from deployments.bench.soak.kinds import Kind, Trigger

WHY = "no campaign '00.00.7': PCS does not know it, and Rucio has nothing of it"


def trigger(
    kind: Kind, request_id: int | None = 7, *, tries: int = 1, refusal: str = ""
) -> Trigger:
    wish = load.action(kind.value)
    wish.request_id, wish.tries, wish.asked_at = request_id, tries, 1.0
    wish.accepted_at = None if request_id is None else 1.0
    wish.refusals = [refusal] if refusal else []
    return Trigger(kind, wish)


def asked(state: str = "failed", **fields: Any) -> Asked:
    given: dict[str, Any] = {"id": 7, "action": "a", "subject": None, "error": WHY, **fields}
    return Asked(state=state, **given)


def kinds(triggers: list[Trigger], *requests: Asked) -> list[BreachKind]:
    return [each.kind for each in checks.ends_otherwise(triggers, requests)]


def test_a_failure_by_its_own_fault_is_no_error():
    assert kinds([trigger(Kind.SWEEP_UNKNOWN)], asked()) == []


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (asked("completed", error=None), BreachKind.FALSE_END),
        (asked(error="the run was lost"), BreachKind.FALSE_END),
        (asked("cancelled"), BreachKind.FALSE_END),
        (asked("running", error=None), BreachKind.LOST),
        (asked("unknown", error=None), BreachKind.LOST),
        (asked(id=8), BreachKind.LOST),
    ],
)
def test_any_other_end_of_it_is_one(request_: Asked, found: BreachKind):
    assert kinds([trigger(Kind.SWEEP_UNKNOWN)], request_) == [found]


def test_what_was_refused_or_never_taken_is_found():
    refused = trigger(Kind.SWEEP_UNKNOWN, None, refusal="500: no")
    assert kinds([refused]) == [BreachKind.REFUSED]
    assert kinds([trigger(Kind.SWEEP_UNKNOWN, None)]) == [BreachKind.LOST]


def test_a_workflow_that_was_stopped_may_end_either_way():
    for state in ("completed", "cancelled"):
        assert kinds([trigger(Kind.STOPPED_WORKFLOW)], asked(state, error=None)) == []
    assert kinds([trigger(Kind.STOPPED_WORKFLOW)], asked()) == [BreachKind.FALSE_END]


def test_a_canary_may_be_late_and_nothing_worse():
    late = asked(error="no TF of canary.36.1.stf was heard of on the stream in time")
    assert kinds([trigger(Kind.CANARY)], late) == []
    assert kinds([trigger(Kind.CANARY)], asked("completed", error=None)) == []
    broken = asked(error="rucio failed: it refuses us")
    assert kinds([trigger(Kind.CANARY)], broken) == [BreachKind.FALSE_END]


def test_what_must_complete_is_judged_elsewhere():
    assert kinds([trigger(Kind.SUBMIT)], asked()) == []


def test_a_second_try_and_a_second_run_are_found():
    triggers = [trigger(Kind.SUBMIT), trigger(Kind.SUBMIT, tries=3)]
    assert [each.kind for each in checks.asked_again(triggers)] == [BreachKind.REFUSED]
    requests = [asked(attempts=1), asked(attempts=2)]
    assert [each.kind for each in checks.run_again(requests)] == [BreachKind.TAKEN]


def test_a_part_with_another_process_is_found():
    before = {1: "api", 2: "relay"}
    assert list(checks.restarted(before, {1: "api", 2: "relay", 3: "bridge"})) == []
    (found,) = checks.restarted(before, {1: "api", 9: "relay"})
    assert "relay" in found.text
