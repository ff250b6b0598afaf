"""Watches over REST: one's own, once each; and the address that they tell."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.cases import same
from tests.pcs_client import COMPOSED
from tests.produced import NAME, ROOT, SUFFIX, campaign_of_each_kind

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("task")]

PATH = "/api/watches/"
WATCH = {"kind": "task", "subject": "t1", "watch_for": "submitted", "channel": "open"}
OF_DATA = {"kind": "dataset", "watch_for": "arrived"}
OF_REQUEST = {"kind": "request", "watch_for": "ended"}


@pytest.fixture
def swept(database) -> None:
    campaign_of_each_kind(database.ops_engine)


def watched(client: httpx.Client, **query: Any) -> list[int]:
    return [each["id"] for each in client.get(PATH, params=query).json()["watches"]]


def test_the_same_watch_is_one_and_is_removed_once(api):
    first, again = (api.post(PATH, json=WATCH).json() for _ in range(2))
    assert (first["id"], first["path"]) == (again["id"], "/pcs/tasks/t1/")
    assert watched(api) == [first["id"]]
    assert watched(api, kind="task", subject="t2") == []
    assert api.delete(f"{PATH}{first['id']}/").status_code == 204
    assert (watched(api), api.delete(f"{PATH}{first['id']}/").status_code) == ([], 404)


def test_it_is_served_below_pcs_too_for_a_user_whom_the_external_proxy_names(served_api):
    with served_api.client(token=None) as client:
        client.headers.update({"X-Remote-User": "anna", "Content-Type": "application/json"})
        assert client.post("/pcs/api/watches/", json=WATCH).is_success
        found = client.get("/pcs/api/watches/").json()
        assert (found["address"], found["channels"]) == (None, ["open"])
        assert client.delete(f"/pcs/api/watches/{found['watches'][0]['id']}/").is_success


def test_another_s_watch_is_neither_seen_nor_removed(as_, api):
    number = api.post(PATH, json=WATCH).json()["id"]
    eve = as_("eve")
    assert (watched(eve), eve.delete(f"{PATH}{number}/").status_code) == ([], 404)
    assert watched(api) == [number]


def test_one_s_own_address_is_registered_first(api):
    at_home = WATCH | {"channel": None}
    refused = api.post(PATH, json=at_home)
    assert (refused.status_code, "/me/" in refused.json()["channel"][0]) == (400, True)
    bad = api.put("/api/me/address/", json={"email": "not an address"})
    assert (bad.status_code, [*bad.json()]) == (400, ["email"])
    assert api.put("/api/me/address/", json={"email": "t@example.org"}).is_success
    assert api.get("/api/me/").json()["address"] == "t@example.org"
    assert api.post(PATH, json=at_home).json()["channel"] is None
    assert api.delete("/api/me/address/").json() == {"email": None}


@pytest.mark.parametrize(
    ("asked", "subject"),
    same(
        ({"subject": COMPOSED}, "t1"),
        ({"subject": "4711"}, "t1"),
        (OF_DATA | {"subject": "epic:/RECO/26.05.0/not/yet"}, "epic:/RECO/26.05.0/not/yet"),
        (OF_DATA | {"kind": "campaign", "subject": NAME}, NAME),
        (OF_DATA | {"kind": "path", "subject": SUFFIX}, f"{ROOT}/{SUFFIX}"),
    ),
)
def test_what_is_watched_is_kept_under_the_name_that_events_give_it(api, swept, asked, subject):
    answer = api.post(PATH, json=WATCH | asked)
    assert (answer.status_code, answer.json().get("subject")) == (200, subject)


def test_a_request_is_watched_by_its_number(api, task):
    number = str(task.good("POST", "prod-tasks/t1/panda-pause/")["request_id"])
    assert api.post(PATH, json=WATCH | OF_REQUEST | {"subject": number}).is_success


def test_a_task_of_another_pcs_is_watched_once_its_submission_was_asked_for(api, database):
    elsewhere = WATCH | {"subject": "elsewhere"}
    assert api.post(PATH, json=elsewhere).status_code == 400
    asked = {"action": "submit_task", "subject": "elsewhere", "parameters": {}, "source": "rest"}
    with transaction(database.ops_engine) as session:
        session.add(Request(**asked, requested_by="tester", state=RequestState.COMPLETED))
    assert api.post(PATH, json=elsewhere).is_success


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    same(
        ({"channel": "ops"}, "channel", "not open to watchers; open are: open"),
        ({"channel": "opne"}, "channel", "did you mean 'open'?"),
        ({"kind": "run"}, "kind", "'task', 'dataset'"),
        ({"kind": "dataset"}, "watch_for", "a dataset can be watched for: arrived, complete"),
        ({"kind": "request", "watch_for": "ended"}, "subject", "named by its number"),
        (OF_REQUEST | {"subject": "99999"}, "subject", "There is no request '99999'"),
        ({"subject": "mistyped"}, "subject", "No task 'mistyped'"),
        (OF_DATA | {"subject": "mistyped"}, "subject", "not of the form scope:/name"),
        (OF_DATA | {"kind": "campaign", "subject": "26.05.1"}, "subject", f"mean '{NAME}'?"),
        (OF_DATA | {"kind": "path", "subject": "mistyped"}, "subject", "no requested path"),
        ({"subject": ""}, "subject", "at least 1"),
        ({"subject": "x" * 501}, "subject", "at most 500"),
        ({"subject": "a\x00"}, "subject", "NUL"),
        ({"username": "eve"}, "username", "Extra inputs"),
    ),
)
def test_what_cannot_be_watched_is_refused_at_its_field(api, swept, changed, field, words):
    answer = api.post(PATH, json=WATCH | changed)
    assert (answer.status_code, words in " ".join(answer.json().get(field, []))) == (400, True)


def test_nobody_and_a_page_of_another_site_watch_nothing(served_api):
    with served_api.client(token=None) as client:
        assert client.post(PATH, json=WATCH).status_code == 401
        assert client.post("/login/", json={"token": served_api.token}).is_success
        sent = {"content": b"{}", "headers": {"Content-Type": "text/plain"}}
        assert client.post(PATH, **sent).status_code == 415
