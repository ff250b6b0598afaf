"""One's own tokens over REST: made within what one's own permits, and revoked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from flows.common import access
from flows.common.callers import ALL, Scope
from flows.common.database import now, transaction
from flows.common.models import ApiToken
from tests.cases import same
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

PATH = "/api/me/tokens/"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def browser(served_api) -> Iterator[httpx.Client]:
    """A browser in which the tester has signed in."""
    with served_api.client(token=None) as client:
        assert client.post("/login/", json={"token": served_api.token}).is_success
        client.headers.update(JSON)
        yield client


def make(client: httpx.Client, **form: Any) -> httpx.Response:
    return client.post(PATH, json={"note": "laptop", "scopes": ["read"], "days": 7} | form)


def made(client: httpx.Client, **form: Any) -> dict[str, Any]:
    answer = make(client, **form)
    assert answer.status_code == 201, answer.text
    return answer.json()


def listed(client: httpx.Client) -> dict[int, dict[str, Any]]:
    return {each["id"]: each for each in client.get(PATH).json()}


def who(served_api, key: str) -> httpx.Response:
    with served_api.client(token=key) as client:
        return client.get("/api/me/")


# ------------------------------------------------------------------ making


def test_a_token_is_made_shown_once_and_opens_what_it_permits(served_api, browser):
    token = made(browser, scopes=["request"])
    found = who(served_api, token["key"]).json()
    assert (found["name"], found["scopes"], found["token_id"]) == (
        "tester", ["read", "request"], token["id"],
    )  # fmt: skip
    shown = browser.get(PATH)
    assert token["key"] not in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    row = listed(browser)[token["id"]]
    assert (row["note"], row["is_good"], row["is_current"]) == ("laptop", True, False)
    assert row["made_with_id"] in listed(browser)
    assert row["last_used_at"] is not None


def test_it_permits_no_more_than_the_token_that_it_is_made_with(served_api, database, api):
    refused = make(api, scopes=["read", "operate", "admin"])
    assert (refused.status_code, [*refused.json()]) == (400, ["scopes"])
    assert "does not permit operate, admin" in refused.json()["scopes"][0]
    root = database.create_token("root", *ALL)
    with served_api.client(token=root) as client:
        assert made(client, scopes=["admin"])["scopes"] == ["read", "admin"]


def test_it_lasts_no_longer_than_the_token_that_it_is_made_with(served_api, api):
    week = made(api, days=7)
    with served_api.client(token=week["key"]) as client:
        assert "at most 6 days" in make(client, days=8).json()["days"][0]
        assert made(client, days=6)["expires_at"] < week["expires_at"]


@pytest.mark.parametrize(
    ("field", "value"),
    same(
        ("note", ""), ("note", "  "), ("note", "x" * 201), ("note", "a\nb"), ("note", "\x00"),
        ("scopes", []), ("scopes", ["root"]), ("scopes", "read"),
        ("days", 0), ("days", 367), ("days", "soon"), ("days", None), ("owner", "eve")),
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_at_its_field(api, field, value):
    answer = make(api, **{field: value})
    assert answer.status_code == 400, answer.text
    assert [name.split(".")[0] for name in answer.json()] == [field]


def test_an_owner_has_no_more_than_twenty_good_tokens(api):
    for _ in range(19):
        made(api)
    refused = make(api)
    assert (refused.status_code, "revoke one first" in refused.json()["detail"]) == (403, True)
    newest = max(listed(api))
    assert api.delete(f"{PATH}{newest}/").json()["revoked"] == [newest]
    made(api)


def test_nobody_a_proxied_user_and_a_service_make_none(served_api, database):
    with served_api.client(token=None) as client:
        assert make(client).status_code == 401
        client.headers.update({"X-Remote-User": "anna"})
        refused = make(client)
        assert refused.status_code == 403
        assert "prodops token create anna" in refused.json()["detail"]
    with served_api.client(token=database.create_token("prodops")) as service:
        assert "is a service" in make(service).json()["detail"]
        service.headers.update({"X-Remote-User": "anna"})  # for whom it may speak
        assert make(service).status_code == 403


def test_a_page_of_another_site_makes_and_revokes_none(browser, database):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        sent = {"content": b"{}", "headers": {"Content-Type": kind}}
        assert browser.post(PATH, **sent).status_code == 415
        assert browser.request("DELETE", f"{PATH}1/", **sent).status_code == 415


# ------------------------------------------------------------------ ending


def test_a_session_revokes_its_own_token_and_has_ended(browser):
    own = browser.get("/api/me/").json()["token_id"]
    answer = browser.delete(f"{PATH}{own}/").json()
    assert answer == {"revoked": [own], "is_signed_out": True}
    assert browser.get("/api/me/").status_code == 401


def test_a_revoked_token_takes_those_made_with_it_along_where_that_is_asked(
    forgetful, served_api, api
):
    first = made(api)
    with served_api.client(token=first["key"]) as client:
        second = made(client, days=1)
    kept = made(api)
    path = f"{PATH}{first['id']}/"
    assert api.delete(path, params={"with_made": True}).json()["revoked"] == [
        first["id"], second["id"],
    ]  # fmt: skip
    wait_until(lambda: who(served_api, second["key"]).status_code == 401)
    assert who(served_api, kept["key"]).is_success
    assert api.delete(path).json()["revoked"] == []


def test_a_token_revokes_none_that_permits_more_and_none_of_another(served_api, database, api):
    other = database.create_token("eve")
    number = who(served_api, other).json()["token_id"]
    assert api.delete(f"{PATH}{number}/").status_code == 404
    own = api.get("/api/me/").json()["token_id"]
    with served_api.client(token=made(api)["key"]) as reader:
        refused = reader.delete(f"{PATH}{own}/")
    assert (refused.status_code, "permit no more" in refused.json()["detail"]) == (403, True)


def test_a_token_past_its_end_opens_nothing(forgetful, served_api, database, api):
    token = made(api)
    with transaction(database.ops_engine) as session:
        session.get(ApiToken, token["id"]).expires_at = now() - timedelta(seconds=1)
    wait_until(lambda: who(served_api, token["key"]).status_code == 401)
    assert listed(api)[token["id"]]["is_good"] is False


# ------------------------------------------------------------------ the database itself

WANTED = """{{"note": "", "key_hash": "x", "scopes": {scopes}, "expires_at": "{ends}"}}"""


@pytest.mark.parametrize(
    ("shown", "scopes", "days", "reason"),
    [
        (("proxy", "tester"), '["read"]', 1, "sign in"),
        (("token", "wrong"), '["read"]', 1, "sign in"),
        (None, '["read", "admin"]', 1, "no more than"),
        (None, "[]", 1, "no more than"),
        (None, '["read"]', -1, "within a year"),
        (None, '["read"]', 400, "within a year"),
    ],
)
def test_the_database_makes_no_token_that_the_rules_do_not_permit(
    database, shown, scopes, days, reason
):
    means, proof = shown or ("token", database.create_token("tester"))
    wanted = WANTED.format(scopes=scopes, ends=(now() + timedelta(days=days)).isoformat())
    statement = text("SELECT api_token_create(:means, :proof, cast(:wanted AS jsonb))")
    with (
        pytest.raises(ProgrammingError, match=reason),
        transaction(database.web_engine) as session,
    ):
        session.execute(statement, {"means": means, "proof": proof, "wanted": wanted})


def test_a_session_of_a_service_makes_no_token_of_a_service(database):
    """As a session it is none, so that it must not become one by what it makes."""
    key = database.create_token("prodops", Scope.REQUEST)
    wanted = WANTED.format(scopes='["read"]', ends=(now() + timedelta(days=1)).isoformat())
    with transaction(database.web_engine) as session:
        secret = access.open_session(session, key, seconds=60)
    statement = text("SELECT api_token_create('session', :proof, cast(:wanted AS jsonb))")
    with (
        pytest.raises(ProgrammingError, match="is a service"),
        transaction(database.web_engine) as session,
    ):
        session.execute(statement, {"proof": secret, "wanted": wanted})


def test_a_use_is_noted_once_in_five_minutes(database):
    key = database.create_token("tester")

    def used_at():
        database_caller = text("SELECT api_token_note_use('token', :key)")
        with transaction(database.web_engine) as session:
            session.execute(database_caller, {"key": key})
            return access.list_tokens(session, owner="tester")[0].last_used_at

    first = used_at()
    assert (first is not None, used_at()) == (True, first)
