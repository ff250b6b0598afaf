"""How a request ends, by what became of its run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from prefect.states import (
    Cancelled,
    Cancelling,
    Completed,
    Crashed,
    Failed,
    Pending,
    Running,
    Suspended,
)

from deployments.worker import endings
from deployments.worker.protocol import Ended, EndReason
from deployments.worker.works import Work
from flows.common import actions
from flows.common.claims import Claim
from flows.common.models import RequestState
from tests.support.fake_prefect import answer


@pytest.mark.parametrize(
    ("action", "is_admitted", "error", "state", "is_unbegun"),
    [
        ("submit_task", False, answer(409), RequestState.FAILED, False),
        ("check_pipeline", False, KeyError("x"), RequestState.FAILED, False),
        ("sample_stfs", False, KeyError("x"), None, False),
        ("submit_task", False, answer(500), None, True),
        ("submit_task", True, KeyError("x"), None, False),
    ],
)
def test_what_could_not_be_made_a_run_has_failed_unless_it_may_be_repeated_or_prefect_is_away(
    action, is_admitted, error, state, is_unbegun
):
    work = SimpleNamespace(action=actions.get(action))
    ending = endings.of_unserved(work, error, is_admitted=is_admitted)
    assert (ending.state, ending.is_unbegun) == (state, is_unbegun)


@pytest.mark.parametrize("parameters", [{}, [], "x", 7, {"task_name": None}, {"task_name": ["t"]}])
def test_parameters_of_no_form_are_named_before_a_run_is_made(parameters):
    request = SimpleNamespace(parameters=parameters)
    reason = endings.reason_against(request, actions.get("submit_task"))
    assert reason is not None
    assert "not of the action's form" in reason


EXITED = Ended(run="r", reason=EndReason.EXITED, exit_code=-9)
TIMED_OUT = Ended(run="r", reason=EndReason.TIMED_OUT, exit_code=-9)
SUBMIT = actions.get("submit_task")


def work_of(**flags: bool) -> Work:
    return Work(Claim(1, 1), SUBMIT, **flags)


@pytest.mark.parametrize(
    ("state", "became", "error", "final"),
    [
        (Completed(), RequestState.COMPLETED, None, None),
        (Failed(message="no quota"), RequestState.FAILED, "no quota", None),
        (Failed(), RequestState.FAILED, "the flow failed", None),
        (Cancelled(), RequestState.CANCELLED, "cancelled", None),
        (Cancelled(name="Refused", message="a draft"), RequestState.FAILED, "a draft", None),
        (Cancelled(name="NotFound", message="no job"), RequestState.FAILED, "no job", None),
        (Cancelled(name="PutOff", message="later"), None, "later", None),
        (Cancelling(), RequestState.CANCELLED, "cancelled", "Cancelled"),
        (Crashed(), None, "the run crashed", None),
        (Running(), None, "the run's process ended (-9) in state Running", "Crashed"),
        (Suspended(), None, "suspending is refused", "Crashed"),
        (None, None, "the run's process ended (-9) in state deleted", "Crashed"),
    ],
)
def test_prefects_word_is_the_end_of_a_run_and_is_made_final_where_it_is_open(
    state, became, error, final
):
    ending, forced = endings.of_run(work_of(), EXITED, state)
    assert ending.state == became
    assert (ending.error or "").startswith(error or "")
    assert (forced.name if forced else None) == final


def test_a_run_that_was_cancelled_or_handed_back_ends_so_unless_it_has_completed():
    for flag, became in (("is_cancelled", RequestState.CANCELLED), ("is_handed_back", None)):
        work = work_of(**{flag: True})
        ending, forced = endings.of_run(work, EXITED, Running())
        assert (ending.state, ending.is_handed_back) == (became, flag == "is_handed_back")
        assert forced.is_cancelled()
        assert endings.of_run(work, EXITED, Crashed())[1] is None
        assert endings.of_run(work, EXITED, Completed())[0].state == RequestState.COMPLETED


@pytest.mark.parametrize("state", [Running(), Crashed(), None])
def test_a_run_that_timed_out_says_so_whatever_its_state(state):
    ending, forced = endings.of_run(work_of(), TIMED_OUT, state)
    assert (ending.state, ending.error) == (None, f"timed out after {SUBMIT.timeout_seconds:g} s")
    assert forced.name == "TimedOut"


def test_a_run_that_has_not_begun_is_cancelled_or_goes_back_into_the_queue():
    for is_cancelled, became in ((True, RequestState.CANCELLED), (False, None)):
        ending, forced = endings.of_unbegun(work_of(is_cancelled=is_cancelled), Pending())
        assert (ending.state, ending.is_unbegun, forced.is_cancelled()) == (became, True, True)
    assert endings.of_unbegun(work_of(), Cancelled())[1] is None


def test_prefects_reason_for_cancelling_a_run_that_has_not_begun_is_its_requests():
    full = Cancelled(message="Deployment concurrency limit reached.")
    assert endings.of_unbegun(work_of(is_cancelled=True), full)[0].error == full.message
    refused = endings.of_refused_start(full)
    assert (refused.state, refused.is_unbegun) == (RequestState.CANCELLED, True)
    assert refused.error == f"Prefect does not let its run start: {full.message}"


def test_a_run_that_prefect_does_not_let_start_is_cancelled_only_where_it_says_so():
    assert endings.of_refused_start(Cancelled()).state == RequestState.CANCELLED
    assert [endings.of_refused_start(each).state for each in (Running(), None)] == [None, None]
