"""What Prefect's server is started with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from deployments.stack import prefect_server
from deployments.stack.temporary import temporary_settings


@pytest.mark.parametrize(
    ("given", "days"), [({}, 1.0), ({"PRODOPS_PREFECT_EVENT_DAYS": "0.25"}, 0.25)]
)
def test_prefect_keeps_its_events_for_as_long_as_the_setting_says(tmp_path, given, days):
    settings = temporary_settings({"PRODOPS_STATE_DIR": str(tmp_path), **given})
    found = prefect_server.environment(settings, "admin:secret")
    period = found["PREFECT_SERVER_EVENTS_RETENTION_PERIOD"]
    assert TypeAdapter(timedelta).validate_python(period) == timedelta(days=days)
