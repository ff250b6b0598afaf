"""The page of who may do what."""

from __future__ import annotations

import pytest

from flows.common import access
from flows.common.callers import Scope
from flows.common.database import transaction

pytestmark = pytest.mark.integration


@pytest.fixture
def nemo(database) -> None:
    with transaction(database.ops_engine) as session:
        access.set_user(session, "nemo", [Scope.OPERATE], "on <b>shift</b>")


def test_everybody_sees_what_they_may_and_nobody_else_s(api, served_api, nemo):
    own = api.get("/access/").text
    assert '<b id="own">read, message, request</b>' in own
    assert "nemo" not in own
    with served_api.client(token=None) as anybody:
        assert "Nobody is known to ask" in anybody.get("/access/").text
        named = anybody.get("/access/", headers={"X-Remote-User": "nemo"}).text
    assert "prodops user set nemo --scope" in named
    assert 'id="tokens"' not in named


def test_an_administrator_sees_all_tokens_and_users_without_keys(served_api, database, nemo):
    key = database.create_token("root", Scope.ADMIN)
    with served_api.client(token=key) as admin:
        page = admin.get("/access/").text
    assert all(each in page for each in ("nemo", "tester", "everybody else", "read, admin"))
    assert "on &lt;b&gt;shift" in page
    assert access.hash_key(key) not in page
    assert key not in page
