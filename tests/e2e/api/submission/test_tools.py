"""An assistant submits a task: from the tool's call to the id that PanDA gave."""

from __future__ import annotations

import pytest

from deployments.assistant import assistant

pytestmark = pytest.mark.e2e


def test_an_mcp_client_submits_a_task_and_is_answered_with_its_id(production):
    name = production.task()
    site = production.site
    with assistant(site.stack.api_url, site.token) as client:
        answer = client.ask("pcs_prodtask_submit", name=name, wait_seconds=30)
        explained = client.ask("explain_failure", task=name)
    shown = production.show(name)
    assert answer["jedi_task_id"] == shown["panda_task_id"] is not None
    assert production.live(answer["panda_task_name"]) == [answer["jedi_task_id"]]
    assert explained["verdict"] == "good"
