"""The door of the actions: whoever has the scope to come in still asks for their own only."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flows.common.actions import all_actions
from flows.common.callers import ALL, Scope
from flows.common.database import transaction
from flows.common.models import Request
from flows.common.settings import settings
from flows.messages.models import SetAsideMessage
from tests.pcs_client import Pcs

pytestmark = pytest.mark.integration

TASK = "dis-10x100"
OURS, NOBODYS = 7, 999
SUBMIT = ("submit_task", {"task_name": TASK})
REPORT = ("report_completion", {"campaign": "26.05.0", "mail": False})
OTHERS = [
    SUBMIT,
    ("submit_task", {"task_name": "unknown here"}),
    ("panda_task_operation", {"operation": "pause", "jedi_task_id": OURS, "task_name": TASK}),
    ("panda_task_operation", {"operation": "resume", "jedi_task_id": OURS}),
    ("panda_task_operation", {"operation": "pause", "jedi_task_id": NOBODYS}),
    # Under the name of one's own task, PanDA's number is still that of another's.
    ("panda_task_operation", {"operation": "pause", "jedi_task_id": OURS, "task_name": "eves-own"}),
    ("resolve_submission", {"task_name": TASK, "failed": True, "reason": "no"}),
    ("register_evgen", {"dry_run": False}),
    ("register_evgen", {"dry_run": True}),
    ("report_completion", {"campaign": "26.05.0", "mail": True}),
    ("sweep_producing_campaigns", {}),
    ("prune_history", {}),
]


@pytest.fixture
def owner(api) -> Pcs:
    """The owner of a task that has a number at PanDA."""
    pcs = Pcs(api)
    pcs.make_ready(TASK)
    assert pcs.record(TASK, jedi_task_id=OURS).is_success
    return pcs


def request(client: httpx.Client, action: str, parameters: dict[str, Any]) -> httpx.Response:
    return client.post(f"/api/actions/{action}/", json=parameters)


def requesters(database) -> list[str]:
    with transaction(database.ops_engine) as session:
        return [row.requested_by for row in session.query(Request).order_by(Request.id)]


def test_what_is_another_s_or_nobody_s_takes_operate(as_, owner, database):
    eve = as_("eve", Scope.REQUEST)
    Pcs(eve, tags=owner.tags).make_task("eves-own")
    for action, parameters in OTHERS:
        refused = request(eve, action, parameters)
        assert refused.status_code == 403, (action, parameters, refused.text)
        assert refused.json()["missing_scope"] == "operate"
        assert "prodops token create eve --scope operate" in refused.json()["detail"]
    assert request(eve, *REPORT).status_code == 202
    otto = as_("otto", Scope.OPERATE)
    for action, parameters in OTHERS:
        assert request(otto, action, parameters).status_code == 202, (action, parameters)
    assert set(requesters(database)) == {"eve", "otto"}


def test_what_is_one_s_own_takes_request(as_, owner, database):
    tester = as_("tester", Scope.REQUEST)
    assert request(tester, *SUBMIT).status_code == 202
    for operation in ("pause", "resume", "retry_failures", "increase_attempts"):
        own = {"operation": operation, "jedi_task_id": OURS}
        assert request(tester, "panda_task_operation", own).status_code == 202
    nobody_s = {"operation": "pause", "jedi_task_id": NOBODYS}
    assert request(tester, "panda_task_operation", nobody_s).status_code == 403
    assert requesters(database) == ["tester"] * 5


def test_a_relaxed_pcs_lets_others_tasks_be_operated_but_none_that_nobody_owns(
    as_, owner, monkeypatch
):
    monkeypatch.setenv("PRODOPS_PCS_RELAXED", "1")
    settings.cache_clear()
    eve = as_("eve", Scope.REQUEST)
    assert request(eve, *SUBMIT).status_code == 202
    for number, status in ((OURS, 202), (NOBODYS, 403)):
        pause = {"operation": "pause", "jedi_task_id": number}
        assert request(eve, "panda_task_operation", pause).status_code == status


# ------------------------------------------------------------------ in whose name

SAYS_WHO = ("created_by", "requested_by", "owner")
GOOD: dict[str, dict[str, Any]] = {
    "campaign_provenance_sweep": {"campaign": "26.05.0"},
    "fetch_payload_log": {"pandaid": 7},
    "panda_task_operation": {"operation": "pause", "jedi_task_id": 7},
    "read_did": {"scope": "epic", "name": "/RECO/x"},
    "resolve_submission": {"task_name": "t", "failed": True, "reason": "no"},
    "run_workflow": {"namespace": "n"},
    "settle_message": {"message": 1, "decision": "drop"},
    "stop_workflow": {"namespace": "n"},
    "submit_task": {"task_name": "t"},
}
"""What an action needs, where it needs something."""


def test_no_action_is_requested_in_another_s_name(as_, database):
    client = as_("ann", *ALL)
    for action in all_actions():
        for key in SAYS_WHO:
            named = GOOD.get(action, {}) | {key: "eve"}
            refused = request(client, action, named)
            assert refused.status_code == 403, (action, key, refused.text)
            assert "Only a named service may speak for another (eve)" in refused.json()["detail"]
    assert requesters(database) == []


def test_every_action_is_requested_by_its_caller_who_may_say_so(as_, database):
    client = as_("ann", *ALL)
    with transaction(database.ops_engine) as session:
        no_json = SetAsideMessage(
            destination="/queue/q", message_id="1", reason="no JSON", body=b"x", size_bytes=1
        )
        session.add(no_json)
        session.flush()
        there = {"settle_message": {"message": no_json.id}}
    for action in sorted(all_actions()):  # what runs a workflow comes before what stops it
        named = GOOD.get(action, {}) | there.get(action, {}) | dict.fromkeys(SAYS_WHO, "ann")
        asked = request(client, action, named)
        assert asked.status_code == 202, (action, asked.text)
    assert set(requesters(database)) == {"ann"}
    with transaction(database.ops_engine) as session:
        kept = [row.parameters for row in session.query(Request)]
    assert not any(key in each for each in kept for key in SAYS_WHO)


@pytest.mark.parametrize("key", SAYS_WHO)
def test_no_other_door_takes_its_word_for_who_asks(as_, owner, database, key):
    """Where an action has a door of its own, the key is refused, or stands for nothing."""
    tester = as_("tester", *ALL)
    tester.post("/pcs/api/campaigns/", json={"name": "26.05.0"})
    doors: list[tuple[str, dict[str, Any], int]] = [
        ("/api/payload-logs/", {"pandaid": 7}, 400),
        ("/api/provenance/reports/", {"campaign": "26.05.0"}, 400),
        ("/api/provenance/campaigns/26.05.0/sweep/", {}, 202),
        (f"/pcs/api/prod-tasks/{TASK}/panda-pause/", {}, 202),
        (f"/pcs/api/prod-tasks/{TASK}/resolve/", {"failed": True, "reason": "no"}, 202),
    ]
    for path, body, status in doors:
        assert tester.post(path, json=body | {key: "eve"}).status_code == status, path
    assert requesters(database) == ["tester"] * 3
