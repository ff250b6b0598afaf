"""What a run leaves at Prefect, written by its own process, at once and in one try."""

from __future__ import annotations

import uuid

from deployments.stack.environment import monitor_url
from flows.common import actions
from flows.common.models import Request
from flows.common.quick_client import quick_client
from flows.common.run_artifacts import artifacts_of
from flows.common.settings import settings


def leave(request: Request, flow_run_id: uuid.UUID | None) -> None:
    """Write the artifacts of the run of a request, as it left it."""
    action = actions.get(request.action)
    with quick_client() as client:
        for each in artifacts_of(request, action, monitor_url(settings()), flow_run_id):
            client.request("POST", "/artifacts/", json=each.body())
