"""In whose name a caller writes: its own, or, for a service of ours, the user's that it names."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from flows.common import access
from flows.common.database import transaction
from tests.pcs_client import Pcs

pytestmark = pytest.mark.integration


@pytest.fixture
def service(served_api, database) -> Iterator[httpx.Client]:
    """A client with the token of the ops side."""
    with served_api.client(token=database.create_token("prodops")) as client:
        yield client


def maker(pcs: Pcs) -> str:
    return pcs.add("prod-requests")["created_by"]


def test_a_service_acts_for_the_user_whom_it_names(service):
    assert maker(Pcs(service, user="alice")) == "alice"
    assert maker(Pcs(service)) == "prodops"


def test_nobody_elses_token_acts_for_another(api):
    assert maker(Pcs(api, user="alice")) == "tester"


def test_without_a_token_only_a_trusted_proxy_names_a_user(served_api):
    with served_api.client(token=None) as client:
        assert maker(Pcs(client, user="alice")) == "alice"


def test_a_wrong_token_acts_for_nobody(served_api):
    with served_api.client(token="0" * 40) as client:
        answer = Pcs(client, user="alice").send("POST", "prod-requests/", {})
    assert (answer.status_code, answer.json()) == (403, {"detail": "Invalid token."})


def test_a_service_records_for_the_owner_and_changes_nothing_else(api, service):
    pcs = Pcs(api)
    pcs.make_ready("t")
    ops = Pcs(service)
    assert ops.send("POST", "prod-tasks/t/submit/").status_code == 403
    assert ops.send("POST", "prod-tasks/t/set-status/", {"status": "draft"}).status_code == 403
    assert ops.record("t", jedi_task_id=1).status_code == 200
    seen = {"jedi_task_id": 1, "panda_status": "done"}
    task = ops.good("POST", "prod-tasks/record-status/", seen, name="t")
    assert (task["status"], task["created_by"]) == ("completed", "tester")


def test_a_service_acts_as_the_owner_in_full(api, service):
    Pcs(api).make_task("t")
    assert Pcs(service, user="tester").good("POST", "prod-tasks/t/lock/")["status"] == "ready"
    assert Pcs(service, user="bob").send("POST", "prod-tasks/t/submit/").status_code == 403


@pytest.fixture
def closed(request):
    """An API that takes no other service, nor any proxy's word."""
    database = request.getfixturevalue("database")
    with transaction(database.ops_engine) as session:
        access.policy(session).services = ["somebody-else"]
    return request.getfixturevalue("service")


def test_who_is_a_service_is_a_setting(closed):
    assert maker(Pcs(closed, user="alice")) == "prodops"
