"""Rules and channels over REST: whose they may be, and what is said of bad ones."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from flows.common.callers import Scope
from flows.common.database import transaction
from flows.notifications.repository import channels
from tests.cases import same
from tests.support.notifications import SECRET

pytestmark = pytest.mark.integration

PATH = "/api/notification-rules/"
OWN = {"what": "action", "name": "submit_task", "owner": "tester", "channel": "open"}
ALL = {"what": "action", "name": "submit_task", "outcome": "failed", "channel": "ops"}


def made(client: httpx.Client, form: dict[str, Any] = OWN) -> dict[str, Any]:
    answer = client.post(PATH, json=form)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_rule_is_made_listed_changed_switched_and_removed(api):
    rule = made(api)
    assert (rule["author"], rule["channel"], rule["is_enabled"]) == ("tester", "open", True)
    path = f"{PATH}{rule['id']}/"
    changed = api.put(path, json=OWN | {"outcome": "failed", "channel": None}).json()
    assert (changed["outcome"], changed["channel"]) == ("failed", None)
    assert api.patch(path, json={"is_enabled": False}).json()["is_enabled"] is False
    assert api.get(PATH).json() == [api.get(path).json()]
    assert api.delete(path).status_code == 204
    assert (api.get(PATH).json(), api.get(path).status_code) == ([], 404)


def test_a_rule_on_more_than_one_s_own_takes_operate(as_, api):
    for form in (ALL, OWN | {"owner": "eve"}, {"what": "alarm", "channel": "open"}):
        refused = api.post(PATH, json=form)
        assert (refused.status_code, "operate" in refused.json()["detail"]) == (403, True)
    assert made(as_("otto", Scope.OPERATE), ALL)["channel"] == "ops"


def test_another_s_rule_is_seen_and_switched_by_an_operator_and_changed_by_nobody(as_, api):
    rule = made(api)
    path = f"{PATH}{rule['id']}/"
    eve, otto = as_("eve"), as_("otto", Scope.OPERATE)
    assert (eve.get(PATH).json(), eve.get(path).status_code) == ([], 404)
    assert eve.delete(path).status_code == 403
    assert [each["id"] for each in otto.get(PATH).json()] == [rule["id"]]
    assert otto.patch(path, json={"is_enabled": False}).json()["is_enabled"] is False
    assert otto.put(path, json=ALL).status_code == 404


def test_nobody_makes_or_sees_rules(served_api):
    with served_api.client(token=None) as nobody:
        assert nobody.post(PATH, json=OWN).status_code == 401
        assert nobody.get(PATH).status_code == 401


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    same(
        ({"channel": "opne"}, "channel", "did you mean 'open'?"),
        ({"name": "submit_taks"}, "name", "did you mean 'submit_task'?"),
        ({"what": "event", "name": "prodtask_submited"}, "name", "'prodtask_submitted'?"),
        ({"what": "event", "name": "zzz"}, "name", "there are: "),
        ({"what": "event", "name": "end_run"}, "name", "no type of event 'end_run'"),
        ({"what": "everything"}, "what", "'action', 'event' or 'alarm'"),
        ({"outcome": "good"}, "outcome", "'completed', 'failed'"),
        ({"subject": "x" * 501}, "subject", "at most 500"),
        ({"subject": "\x00"}, "subject", "NUL"),
        ({"options": {"a": {}}}, "options.a.bool", ""),
        ({"author": "eve"}, "author", "Extra inputs"),
    ),
)
def test_what_cannot_be_meant_is_refused_at_its_field(api, changed, field, words):
    answer = api.post(PATH, json=OWN | changed)
    assert answer.status_code == 400, answer.text
    assert words in " ".join(answer.json()[field])


def test_a_channel_is_known_by_its_name_and_its_failure_to_operators_alone(as_, api, database):
    with transaction(database.ops_engine) as session:
        channels.note_failed(session, channels.named(session, "ops").id, "it answered 404")
    opened, ops = api.get("/api/notification-channels/").json()
    assert (opened["name"], opened["is_open_to_watchers"]) == ("open", True)
    assert (ops["failing_since"] is None, ops["last_error"]) == (False, None)
    answer = as_("otto", Scope.OPERATE).get("/api/notification-channels/")
    assert answer.json()[1]["last_error"] == "it answered 404"
    assert SECRET not in answer.text


def test_the_web_role_cannot_read_where_a_channel_leads(database):
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction(database.web_engine) as session,
    ):
        session.execute(text("SELECT url_file FROM notification_channel"))
