"""What is declared of an action's deployment."""

import pytest

from deployments.worker import deployment_parts
from deployments.worker.deployment_parts import Part
from flows.common import actions
from flows.common.settings import settings


@pytest.mark.parametrize(("is_scheduled", "number"), [("true", 1), ("false", 0)])
def test_the_settings_may_put_a_schedule_out_of_force(monkeypatch, is_scheduled, number):
    monkeypatch.setenv("PRODOPS_CANARY_IS_SCHEDULED", is_scheduled)
    settings.cache_clear()
    declared = deployment_parts.declared(actions.get("run_canary"), "prodops")
    assert len(declared[Part.SCHEDULE]) == number
