"""What may be done to a task, and the steps of its submission, without a database."""

import pytest

from api.http.access import NOBODY, Caller, Kind
from api.pcs.models import ProdTask, TaskStatus
from api.submission.domain import STEPS, Operation, Standing, refusals
from flows.submission.models import Step


def test_the_steps_are_those_of_the_flow():
    assert list(STEPS) == [step.value for step in Step]


STANDING = Standing(
    task=ProdTask(status=TaskStatus.READY, created_by="anna"),
    request_id=None,
    reasons=(),
    reasons_to_lock=(),
)


@pytest.mark.parametrize(
    ("caller", "is_relaxed", "may"),
    [
        (Caller("anna", Kind.PROXY), False, True),
        (Caller("eve", Kind.PROXY), False, False),
        (Caller("eve", Kind.TOKEN), True, True),
        (Caller("eve", Kind.COOKIE), False, True),
        (NOBODY, False, True),
    ],
)
def test_only_the_owner_may_where_it_is_known_who_asks(caller, is_relaxed, may):
    against = refusals(Operation.SUBMIT, STANDING, caller=caller, is_relaxed=is_relaxed)
    assert (against == []) is may
