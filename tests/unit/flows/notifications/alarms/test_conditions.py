"""When alarms begin and when they are over: once for a value that moves around its limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.notifications.alarms.conditions import (
    Canary,
    Credential,
    Observed,
    PartStart,
    Sweep,
    TaskInputs,
    findings,
)
from flows.notifications.alarms.options import AlarmKind, AlarmOptions

AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
BEGINS, STAYS, OVER = (True, False), (False, False), (False, True)


def judged(kind: AlarmKind, options: dict[str, Any] | None = None, **seen: Any) -> Any:
    """Of the one thing that was seen: whether an alarm begins, and whether one is over."""
    limits = AlarmOptions.model_validate(options or {})
    [finding] = findings(kind, Observed(at=AT, **seen), limits)
    return finding.begins, finding.is_over


@pytest.mark.parametrize(
    ("failed", "verdict"), [(20, BEGINS), (50, BEGINS), (19, STAYS), (16, STAYS), (15, OVER)]
)
def test_too_many_failed_inputs_are_an_alarm_until_clearly_fewer_are(failed, verdict):
    task = TaskInputs(name="t", jedi_task_id=7, status="running", inputs=100, failed=failed)
    assert judged(AlarmKind.FAILURE_RATE, tasks=[task]) == verdict


def test_a_few_failed_inputs_are_no_alarm_whatever_their_share():
    task = TaskInputs(name="t", jedi_task_id=7, status="running", inputs=4, failed=4)
    assert judged(AlarmKind.FAILURE_RATE, tasks=[task]) == STAYS
    assert judged(AlarmKind.FAILURE_RATE, {"least_failed": 4}, tasks=[task]) == BEGINS


def test_a_task_without_inputs_is_not_judged():
    task = TaskInputs(name="t", jedi_task_id=7, status="running", inputs=0, failed=0)
    assert findings(AlarmKind.FAILURE_RATE, Observed(at=AT, tasks=[task]), AlarmOptions()) == []


@pytest.mark.parametrize(("error", "verdict"), [("Rucio is away", BEGINS), (None, OVER)])
def test_a_sweep_that_failed_is_an_alarm_until_one_comes_through(error, verdict):
    assert judged(AlarmKind.SWEEP_FAILED, sweeps=[Sweep(name="26.05.0", error=error)]) == verdict


@pytest.mark.parametrize(
    ("hours", "problem", "is_renewed", "verdict"),
    [
        (48, None, False, BEGINS), (-1, None, False, BEGINS), (55, None, False, STAYS),
        (61, None, False, OVER), (1, None, True, OVER), (-1, None, True, BEGINS),
        (None, None, False, OVER),
        (None, "cannot be read", False, BEGINS), (99, "is not ours", True, BEGINS),
    ],
)  # fmt: skip
def test_a_credential_is_an_alarm_before_its_end_and_one_that_is_renewed_after_it(
    hours, problem, is_renewed, verdict
):
    until = None if hours is None else AT + timedelta(hours=hours)
    credential = Credential(
        kind="x509 proxy", not_after=until, problem=problem, is_renewed=is_renewed
    )
    assert judged(AlarmKind.CREDENTIAL_EXPIRES, credentials=[credential]) == verdict


def test_of_credentials_that_nobody_can_tell_nothing_begins_and_nothing_is_over():
    seen = Observed(at=AT, credentials=None)
    assert findings(AlarmKind.CREDENTIAL_EXPIRES, seen, AlarmOptions()) is None


@pytest.mark.parametrize(("minutes", "verdict"), [(10, BEGINS), (9, STAYS), (7, OVER)])
def test_a_queue_that_waits_is_an_alarm(minutes, verdict):
    seen = {"waiting_seconds": 60.0 * minutes, "waiting": 3}
    assert judged(AlarmKind.QUEUE_WAITS, {"minutes": 10}, **seen) == verdict


@pytest.mark.parametrize(("minutes", "verdict"), [(1, BEGINS), (16, OVER), (None, OVER)])
def test_a_part_that_was_started_anew_is_an_alarm_for_a_while(minutes, verdict):
    at = None if minutes is None else AT - timedelta(minutes=minutes)
    part = PartStart(kind="worker", name="w@here", restarted_at=at)
    assert judged(AlarmKind.PART_RESTARTED, parts=[part]) == verdict


@pytest.mark.parametrize(
    ("minutes", "more", "verdict"),
    [
        (1, {}, OVER),
        (44, {}, OVER),
        (46, {}, BEGINS),
        (46, {"is_expected": False}, OVER),
        (1, {"error": "messages failed: no TF"}, BEGINS),
        (1, {"error": "rucio unknown: silent", "is_of_outside": True}, BEGINS),
    ],
)
def test_a_canary_that_fails_or_stays_away_is_an_alarm(minutes, more, verdict):
    last = Canary(heard_at=AT - timedelta(minutes=minutes), **more)
    assert judged(AlarmKind.CANARY_FAILED, canary=last) == verdict


def test_where_only_the_outside_is_silent_the_canary_s_alarm_is_a_warning():
    for is_of_outside, severity in ((True, "warning"), (False, "error")):
        last = Canary(heard_at=AT, error="rucio unknown: away", is_of_outside=is_of_outside)
        seen = Observed(at=AT, canary=last)
        [finding] = findings(AlarmKind.CANARY_FAILED, seen, AlarmOptions())
        assert (finding.severity, finding.text) == (severity, "rucio unknown: away")


def test_what_was_found_is_said_in_words():
    task = TaskInputs(name="t", jedi_task_id=7, status="running", inputs=300, failed=100)
    [finding] = findings(AlarmKind.FAILURE_RATE, Observed(at=AT, tasks=[task]), AlarmOptions())
    assert finding.text == (
        "33 % of its inputs (100 of 300) have failed for good, and the limit is 20 %"
    )
