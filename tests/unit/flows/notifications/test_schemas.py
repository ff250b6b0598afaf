"""Rules on alarms: what they may limit."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from flows.notifications.schemas import RuleForm


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"what": "alarm", "options": {"days": "soon"}}, "valid number"),
        ({"what": "alarm", "options": {"limit_percent": 0}}, "greater than 0"),
        ({"what": "alarm", "options": {"limit": 5}}, "not permitted"),
        ({"what": "alarm", "name": "failures"}, "there is no alarm 'failures'"),
        ({"what": "event", "options": {"days": 1}}, "only a rule on alarms"),
    ],
)
def test_a_rule_on_alarms_takes_known_kinds_and_limits_alone(form, reason):
    with pytest.raises(ValidationError, match=reason):
        RuleForm.model_validate(form)


def test_limits_that_are_not_given_are_the_usual_ones():
    form = RuleForm.model_validate({"what": "alarm", "name": "queue_waits"})
    assert form.options == {}
