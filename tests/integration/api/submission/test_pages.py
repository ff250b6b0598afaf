"""The pages of production tasks: under which names, for whom, and wherever from."""

from __future__ import annotations

import itertools
import json
import re

import httpx
import pytest

from tests.pcs_client import COMPOSED, Pcs
from tests.support.task_pages import page_of

pytestmark = pytest.mark.integration


def test_a_task_has_a_page_under_each_of_its_names(pcs, reader):
    task = pcs.make_ready("t1", sample="")
    for reference, slash in itertools.product((COMPOSED, "t1", task["id"]), ("", "/")):
        answer = reader.get(f"/pcs/tasks/{reference}{slash}")
        assert answer.status_code == 200
        assert f"--outDS {COMPOSED} \\" in answer.text
        assert "docker://eicweb/jug_xl:26.02.0-stable" in answer.text


def test_a_path_of_the_original_names_a_task(pcs, reader):
    pcs.make_task("EVGEN/DIS/NC/10x100", sample="x")
    assert reader.get("/pcs/tasks/EVGEN/DIS/NC/10x100/").status_code == 200
    link = re.search(r'href="(/pcs/tasks/group[^"]*)"', reader.get("/pcs/tasks/").text)
    assert reader.get(link[1]).status_code == 200
    selected = {"tab": "tasks", "selected": f"{COMPOSED}.x"}
    assert "Submit to PanDA" in reader.get("/pcs/tasks/compose/", params=selected).text


NO_NAMES = ("nosuch", "a'b", "a%22b", "--help", "x" * 300, "%00", "..%2F..", "a/b/", "%ff")


def test_a_name_of_no_task_is_not_found(reader):
    for name in NO_NAMES:
        answer = reader.get(f"/pcs/tasks/{name}/")
        assert answer.status_code == 404
        assert "There is no production task" in answer.text
    assert reader.get("/pcs/tasks/a%0Ab/").status_code == 404


def test_several_tasks_of_a_name_are_listed_and_none_is_picked(pcs, reader):
    first = pcs.make_task("a", sample="x")
    more = {"dataset": first["dataset"], "prod_config": first["prod_config"]}
    second = pcs.add("prod-tasks", name="b", **more)
    answer = reader.get(f"/pcs/tasks/{COMPOSED}.x/")
    assert answer.status_code == 409
    for task in (first, second):
        assert f'href="/pcs/tasks/{task["id"]}/"' in answer.text
        assert f'href="/pcs/tasks/{task["id"]}/"' in reader.get("/pcs/tasks/").text
    assert "PanDA would take them for one" in reader.get(f"/pcs/tasks/{first['id']}/").text


def test_a_page_needs_no_cookie_and_says_who_may_write(pcs, served_api):
    pcs.make_ready("t1", sample="")
    for path in ("/pcs/tasks/", f"/pcs/tasks/{COMPOSED}/"):
        anyone = httpx.get(f"{served_api.url}{path}")
        assert (anyone.status_code, "To write, sign in" in anyone.text) == (200, True)
        named = httpx.get(f"{served_api.url}{path}", headers={"X-Remote-User": "tester"})
        assert "You write as <b>tester</b>" in named.text
        assert "set-cookie" not in named.headers


def test_who_has_signed_in_writes_with_what_the_token_permits(pcs, served_api):
    pcs.make_ready("t1", sample="")
    with served_api.client(token=None) as browser:
        browser.post("/login/", data={"token": served_api.token})
        page = page_of(browser)
        assert "You write as <b>tester</b>; you may read, message, request." in page
        assert '"may_write": true' in page
        answer = browser.post(f"/pcs/api/prod-tasks/{COMPOSED}/submit/", json={})
        assert answer.status_code == 200


def test_every_page_has_a_strict_policy_and_no_script_of_its_own(pcs, reader):
    pcs.make_ready("t1", sample="")
    for path in ("/pcs/tasks/", f"/pcs/tasks/{COMPOSED}/"):
        answer = reader.get(path)
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert not re.search(r'(?:href|src|action)="(?:https?:)?//', answer.text)
        assert not re.search(r"\son[a-z]+=", answer.text)
        assert not re.search(r"<script(?![^>]*(?:src=|application/json))", answer.text)


def test_every_link_is_under_the_prefix(database, monkeypatch, request):
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/swf-monitor")
    served = request.getfixturevalue("served_api")
    with served.client() as client:
        Pcs(client).make_ready("t1", sample="")
        for path in ("/pcs/tasks/", f"/pcs/tasks/{COMPOSED}/"):
            page = client.get(path).text
            links = re.findall(r'(?:href|src|action|data-stream)="(/[^"]*)"', page)
            told = re.search(r'application/json" id="\w+">(.*?)</script>', page, re.DOTALL)[1]
            paths = [value for value in json.loads(told).values() if str(value).startswith("/")]
            assert len(paths) >= 1
            assert all(each.startswith("/swf-monitor/") for each in links + paths)
