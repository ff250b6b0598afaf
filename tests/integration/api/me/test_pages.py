"""The page of one's own."""

from __future__ import annotations

import re

import pytest

from flows.common.callers import Scope
from tests.pcs_client import COMPOSED, Pcs

pytestmark = pytest.mark.integration


def tokens_of(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'<tr data-token="(\d+)"', page)]


def test_who_is_not_known_signs_in_and_reads_whom_to_ask(served_api):
    with served_api.client(token=None) as anybody:
        page = anybody.get("/me/")
    assert page.status_code == 401
    assert "An operator of the ops side makes tokens" in page.text


def test_it_shows_one_s_own_and_nobody_else_s(served_api, database, api):
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    pcs.submit("t1")
    own = api.get("/me/").text
    assert f'id="task-1" href="{api.base_url.path}pcs/tasks/{COMPOSED}/"' in own
    assert 'id="request-1"' in own
    assert tokens_of(own) == [api.get("/api/me/").json()["token_id"]]
    with served_api.client(token=database.create_token("eve")) as eve:
        other = eve.get("/me/").text
        assert tokens_of(other) == [eve.get("/api/me/").json()["token_id"]]
    assert ("No production task is yours" in other, 'id="request-1"' in other) == (True, False)


def test_a_task_that_is_at_panda_is_shown_with_its_status(api):
    pcs = Pcs(api)
    pcs.make_ready("t1", sample="")
    pcs.submit("t1")
    assert pcs.record("t1", jedi_task_id=4711).is_success
    page = api.get("/me/")
    assert (page.status_code, ">submitted<" in page.text) == (200, True)


def test_all_of_one_s_requests_are_a_link_away(api):
    for job in range(1, 13):
        assert api.post("/api/payload-logs/", json={"pandaid": job}).is_success
    link = re.search(r'id="all-requests" href="([^"]+)"', api.get("/me/").text)[1]
    shown = api.get(link.removeprefix(api.base_url.path.rstrip("/"))).text
    assert all(f'id="request-{number}"' in shown for number in range(1, 13))


def test_what_a_token_is_for_is_shown_as_text(api):
    hostile = "<img src=x onerror=alert(1)>\"'&"
    form = {"note": hostile, "scopes": ["read"], "days": 1}
    key = api.post("/api/me/tokens/", json=form).json()["key"]
    page = api.get("/me/").text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert (hostile in page, key in page) == (False, False)


def test_a_proxied_user_reads_where_a_first_token_comes_from(served_api, database):
    database.create_token("anna", Scope.READ)
    with served_api.client(token=None) as client:
        page = client.get("/me/", headers={"X-Remote-User": "anna"}).text
    assert "prodops token create anna" in page
    assert ('id="create"' in page, "data-revoke" in page) == (False, False)
