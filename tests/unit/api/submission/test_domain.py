"""What may be done to a task, and the steps of its submission, without a database."""

import pytest

from api.pcs.models import ProdTask, TaskStatus
from api.submission.domain import STEPS, Operation, Standing, refusals
from flows.common.callers import DEFAULT, NOBODY, VISITOR, Caller, Means, Scope
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
        (Caller("anna", Means.PROXY, DEFAULT), False, True),
        (Caller("anna", Means.PROXY, frozenset({Scope.READ})), False, False),
        (Caller("eve", Means.SESSION, DEFAULT), False, False),
        (Caller("eve", Means.PROXY, DEFAULT | {Scope.OPERATE}), False, True),
        (Caller("eve", Means.TOKEN, DEFAULT), True, True),
        (Caller("eve", Means.TOKEN, frozenset({Scope.READ})), True, False),
        (VISITOR, False, True),
        (NOBODY, False, True),
    ],
)
def test_only_the_owner_may_where_it_is_known_who_asks(caller, is_relaxed, may):
    against = refusals(Operation.SUBMIT, STANDING, caller=caller, is_relaxed=is_relaxed)
    assert (against == []) is may
