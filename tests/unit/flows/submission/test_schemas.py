"""The forms of submission: what a retry may change."""

import pytest

from blocks.errors import Invalid
from flows.submission.actions import OPERATE_TASK

RETRY = {"operation": "retry_failures", "jedi_task_id": 41}


def test_a_retry_changes_only_the_parameters_that_are_given():
    given = {"ramCount": 4000, "excludedSite": "BNL,JLAB", "loopingCheck": False}
    form = OPERATE_TASK.parse({**RETRY, "new_parameters": given})
    assert form.new_parameters.model_dump() == given
    assert OPERATE_TASK.parse(RETRY).model_dump(mode="json")["new_parameters"] == {}


@pytest.mark.parametrize("wrong", [{"memory": 1}, {"ramCount": 0}, {"nFiles": "x"}, {"site": ""}])
def test_a_parameter_that_a_retry_does_not_change_is_refused_by_its_name(wrong):
    with pytest.raises(Invalid) as refused:
        OPERATE_TASK.parse({**RETRY, "new_parameters": wrong})
    assert list(refused.value.fields) == [f"new_parameters.{name}" for name in wrong]
