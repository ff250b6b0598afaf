"""Which ends of a run are foreseen, and in which state each ends."""

from __future__ import annotations

import pytest
from prefect.states import Cancelled, Completed, Failed

from blocks.errors import Forbidden, Invalid, NotFound, OutsideUnavailable, ProdOpsError, Refused
from flows.common import outcomes
from flows.common.outcomes import Outcome
from flows.common.run import PartsFailed, RunPutOff
from flows.payload_logs.errors import FetchFailed, JobUnknown, ReplicasFailed
from flows.provenance.tasks.sweep import SweepFailed, UnknownCampaign
from flows.submission.domain.claim import NotSubmittable, TaskMissing, TaskUnreadable


def caused(error: ProdOpsError, cause: Exception) -> ProdOpsError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Refused("no"), Outcome.REFUSED),
        (NotSubmittable("draft"), Outcome.REFUSED),
        (TaskMissing("No task 'x'"), Outcome.NOT_FOUND),
        (NotFound("nothing"), Outcome.NOT_FOUND),
        (Forbidden("not yours"), Outcome.FORBIDDEN),
        (Invalid({"name": ["is missing"]}), Outcome.INVALID),
        (RunPutOff("later"), Outcome.PUT_OFF),
        (caused(RunPutOff("later"), NotFound("x")), Outcome.PUT_OFF),
        (caused(FetchFailed("none"), JobUnknown("none")), Outcome.NOT_FOUND),
        (caused(SweepFailed("x"), UnknownCampaign("26.99.0", ())), Outcome.NOT_FOUND),
    ],
)
def test_an_end_that_was_foreseen_has_a_state_of_its_name_that_is_not_red(error, outcome):
    state = outcomes.state_of_error(error)
    assert (state.name, state.is_cancelled(), state.message) == (outcome.value, True, str(error))
    assert outcomes.of_state(state) is outcome


@pytest.mark.parametrize(
    "error",
    [
        ProdOpsError("a fact"),
        PartsFailed("two of three"),
        OutsideUnavailable("away"),
        TaskUnreadable("HTTP 401"),
        caused(FetchFailed("broken"), ReplicasFailed(["a"], [])),
        ValueError("a fault"),
    ],
)
def test_what_nobody_foresaw_stays_red(error):
    assert outcomes.state_of_error(error) is None


def test_a_message_can_be_kept_whatever_the_error_says():
    state = outcomes.state_of_error(Refused("a\x00b" + "x" * 10_000))
    assert state.message.startswith("a\\x00b")
    assert len(state.message) <= 5000


@pytest.mark.parametrize(
    "state", [None, Cancelled(), Completed(name="Refused"), Failed(name="Refused")]
)
def test_another_state_is_no_outcome_of_ours(state):
    assert outcomes.of_state(state) is None
