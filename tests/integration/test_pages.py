"""The pages: their numbers, their cookies, who may look, and the prefix."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest
from sqlalchemy import text

from api.http.access import COOKIE
from api.http.app import create_app
from flows.common import events
from flows.common.database import DatabaseUnavailable, transaction
from flows.common.settings import settings
from flows.fastmon import overview
from flows.fastmon.models import InboxStf
from flows.fastmon.overview import RunState, Wanted
from tests.sampled_run import messages_of, request_rows, sample, take_in

pytestmark = pytest.mark.integration


@pytest.fixture
def client(served_api):
    """A browser that has not been here before."""
    with served_api.client(token=None) as browser:
        yield browser


def snapshot_of(engine, **wanted):
    with transaction(engine) as session:
        return overview.take(session, Wanted(**wanted))


def told(page: str) -> dict:
    return json.loads(re.search(r'id="snapshot">(.*?)</script>', page, re.DOTALL).group(1))


# ------------------------------------------------------------------ numbers


def test_a_run_counts_what_was_announced_sampled_and_registered(database):
    take_in(database.ops_engine, messages_of(100123, 20, size_bytes=10**9))
    tally = sample(database.ops_engine, fraction=0.3)
    snapshot = snapshot_of(database.web_engine)
    [run] = snapshot.runs
    assert (run.namespace, run.run_number, run.announced) == ("epic", 100123, 20)
    assert (run.sampled, run.tfs) == (tally.sampled, tally.tfs)
    assert 0 < run.sampled < 20
    with database.ops_engine.connect() as connection:
        total = connection.scalar(text("SELECT sum(file_size_bytes) FROM swf_fastmon_files"))
    assert run.volume_bytes == total
    assert sum(each.volume_bytes for each in snapshot.series.bins) == total
    assert sum(each.stfs for each in snapshot.series.bins) == 20
    assert len(snapshot.files) == min(tally.tfs, overview.FILES_SHOWN)


def test_a_message_that_comes_again_is_not_counted_again(database):
    messages = messages_of(100123, 3)
    take_in(database.ops_engine, messages)
    take_in(database.ops_engine, messages)
    [run] = snapshot_of(database.web_engine).runs
    assert run.announced == 3


def test_two_namespaces_with_one_run_number_are_told_apart(database):
    take_in(database.ops_engine, messages_of(7, 2, namespace="a"))
    renamed = [
        {**each, "filename": f"b.{each['filename']}"} if "filename" in each else each
        for each in messages_of(7, 3, namespace="b")
    ]
    take_in(database.ops_engine, renamed)
    announced = {run.key: run.announced for run in snapshot_of(database.web_engine).runs}
    assert announced == {("a", 7): 2, ("b", 7): 3}
    [only] = snapshot_of(database.web_engine, namespace="b", run=7).runs
    assert only.announced == 3


def test_the_inbox_tells_what_waits_and_why_the_rest_does_not(database):
    take_in(database.ops_engine, messages_of(5, 2))
    stf = next(each for each in messages_of(5, 1) if each["msg_type"] == "stf_ready")
    take_in(database.ops_engine, [{**stf, "run_id": "cosmics", "filename": "odd.stf"}])
    with transaction(database.ops_engine) as session:
        session.add(
            InboxStf(
                namespace="other", stf_filename="x", message={}, state="set_aside",
                reason="namespace 'other' is not served", received_at=overview.now(),
            )
        )  # fmt: skip
    inbox = snapshot_of(database.web_engine).inbox
    assert (inbox.waiting, inbox.set_aside, inbox.not_served) == (2, 1, 1)
    assert any("'cosmics' is not an integer" in each.reason for each in inbox.reasons)


def test_a_run_that_agents_registered_over_rest_is_shown(database):
    with transaction(database.ops_engine) as session:
        session.execute(
            text("""
            WITH run AS (INSERT INTO swf_runs (run_number, start_time, end_time)
                         VALUES (42, now(), now()) RETURNING run_id),
                 stf AS (INSERT INTO swf_stf_files (file_id, run_id, machine_state, stf_filename,
                                                    created_at, status)
                         SELECT gen_random_uuid(), run_id, 'physics', 'a.stf', now(), 'done'
                         FROM run RETURNING file_id)
            INSERT INTO swf_fastmon_files (tf_file_id, stf_file_id, tf_filename, file_size_bytes,
                                           status, created_at, updated_at)
            SELECT gen_random_uuid(), file_id, 'a_tf_001.tf', 11, 'registered', now(), now()
            FROM stf""")
        )
    [run] = snapshot_of(database.web_engine).runs
    assert (run.announced, run.sampled, run.tfs, run.volume_bytes) == (1, 1, 1, 11)
    assert run.state is RunState.ENDED


def test_an_empty_database_has_an_empty_page(client):
    page = client.get("/fastmon/")
    assert page.status_code == 200
    assert "No run yet" in page.text
    assert told(page.text)["last_event_id"] == 0


# ------------------------------------------------------------------ states


@pytest.mark.parametrize(
    ("last", "state"),
    [
        ("start_run", RunState.TAKING_DATA),
        ("pause_run", RunState.PAUSED),
        ("end_run", RunState.ENDED),
    ],
)
def test_a_run_stands_as_its_last_message_says(database, last, state):
    messages = messages_of(100123, 2)
    stfs = [each for each in messages if each["msg_type"] == "stf_ready"]
    end = {**messages[0], "msg_type": last}
    take_in(database.ops_engine, [*messages[:2], stfs[0], end, stfs[1]])  # late data reopen nothing
    [run] = snapshot_of(database.web_engine).runs
    assert (run.state, run.announced) == (state, 2)


def test_a_run_is_expected_before_its_first_stf(database):
    take_in(database.ops_engine, messages_of(100123, 1)[:1])
    [run] = snapshot_of(database.web_engine).runs
    assert (run.state, run.announced) == (RunState.EXPECTED, 0)


# ------------------------------------------------------------------ consistency


def test_the_snapshot_and_the_events_after_it_count_everything_once(database, monkeypatch):
    """Rows and events that commit while it is being read are not in it; they come after it."""
    take_in(database.ops_engine, messages_of(1, 2))
    freeze = events.freeze

    def disturbed(session):
        last_event_id = freeze(session)
        take_in(database.ops_engine, messages_of(2, 3))
        return last_event_id

    monkeypatch.setattr(events, "freeze", disturbed)
    snapshot = snapshot_of(database.web_engine)
    with database.ops_engine.connect() as connection:
        later = connection.scalar(
            text("SELECT count(*) FROM event WHERE id > :id AND msg_type = 'stf_ready'"),
            {"id": snapshot.last_event_id},
        )
    assert (sum(run.announced for run in snapshot.runs), later) == (2, 3)


def test_a_kept_snapshot_is_not_given_to_a_page_that_knows_more(client, database):
    first = client.get("/fastmon/snapshot.json").json()
    take_in(database.ops_engine, messages_of(1, 1))
    with transaction(database.ops_engine) as session:
        newest = events.freeze(session)
    after = client.get("/fastmon/snapshot.json", params={"after": newest}).json()
    assert (first["last_event_id"], after["last_event_id"]) == (0, newest)
    assert after["runs"][0]["announced"] == 1


# ------------------------------------------------------------------ pages and who may look


def test_the_page_shows_what_its_snapshot_says(client, database):
    take_in(database.ops_engine, messages_of(100123, 4))
    sample(database.ops_engine)
    page = client.get("/fastmon/").text
    [run] = told(page)["runs"]
    assert (run["announced"], run["sampled"], run["tfs"]) == (4, 4, 28)
    assert 'data-f="tfs">28<' in page
    assert 'data-state="ended"' in page
    assert client.get("/requests/").text.count("sample_stfs") >= 2
    assert "sample_stfs" in client.get("/requests/1/").text


def test_each_sampling_run_is_linked_to_its_flow_run(database, monkeypatch, request):
    monkeypatch.setenv("PRODOPS_PREFECT_UI_URL", "http://prefect.example/")
    served = request.getfixturevalue("served_api")
    take_in(database.ops_engine, messages_of(1, 1))
    sample(database.ops_engine)
    [row] = request_rows(database.ops_engine)
    for path in ("/fastmon/", "/requests/", "/requests/1/"):
        page = httpx.get(f"{served.url}{path}").text
        assert f'href="http://prefect.example/runs/flow-run/{row.flow_run_id}"' in page


@pytest.mark.parametrize("path", ["/", "/fastmon/", "/requests/"])
def test_a_page_makes_a_visitor_who_may_follow_the_stream(client, path):
    answer = client.get(path)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(COOKIE)
    assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/;"))
    with client.stream("GET", "/api/messages/stream/") as stream:
        assert stream.status_code == 200
    assert "set-cookie" not in client.get(path).headers


def test_a_visitor_may_not_write(client):
    client.get("/")
    assert client.post("/api/messages/", json={"msg_type": "x"}).status_code == 401


def test_every_page_has_a_strict_policy_and_no_outside_address(client, database):
    take_in(database.ops_engine, messages_of(1, 1))
    for path in ("/", "/fastmon/", "/requests/", "/requests/1/", "/login/"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert not re.search(r'(?:href|src|action)="(?:https?:)?//', answer.text)
        assert not re.search(r"\son[a-z]+=", answer.text)


def test_an_asset_is_kept_for_good_packed_or_not(client):
    path = re.search(r'data-script="([^"]+)"', client.get("/fastmon/").text).group(1)
    packed = client.get(path)
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    assert packed.content == plain.content
    assert "immutable" in packed.headers["cache-control"]
    assert client.get("/static/0/plotly.min.js").headers["cache-control"] == "no-store"
    assert client.get("/static/0/nothing.js").status_code == 404


def test_what_is_not_there_is_said_so(client):
    assert client.get("/requests/99/").status_code == 404
    assert "There is no request 99" in client.get("/requests/99/").text
    odd = client.get("/fastmon/", params={"run": "<b>x"})
    assert odd.status_code == 400
    assert "<b>x" not in odd.text


def test_a_lost_database_is_told_on_a_page(client, monkeypatch):
    monkeypatch.setattr(overview, "take", _unavailable)
    answer = client.get("/fastmon/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "Not available just now" in answer.text


def _unavailable(*_):
    raise DatabaseUnavailable("the database is unavailable: it restarts")


# ------------------------------------------------------------------ signing in


@pytest.fixture
def closed(monkeypatch, request):
    monkeypatch.setenv("PRODOPS_API_OPEN_READS", "false")
    return request.getfixturevalue("served_api")


def test_closed_reads_ask_for_a_token_without_a_redirect(closed):
    answer = httpx.get(f"{closed.url}/fastmon/?run=5")
    assert answer.status_code == 401
    assert 'value="/fastmon/?run=5"' in answer.text
    assert "set-cookie" not in answer.headers
    assert httpx.get(f"{closed.url}/fastmon/snapshot.json").status_code == 403


def test_a_token_signs_in_and_the_cookie_reads_until_signed_out(closed):
    with httpx.Client(base_url=closed.url) as browser:
        form = {"token": closed.token, "target": "/fastmon/?run=5"}
        welcome = browser.post("/login/", data=form)
        assert welcome.status_code == 200
        assert "0;url=/fastmon/?run=5" in welcome.text
        assert "Sign out" in browser.get("/fastmon/").text
        assert browser.post("/api/messages/", json={"msg_type": "x"}).status_code == 401
        assert browser.post("/logout/").status_code == 200
        assert browser.get("/fastmon/").status_code == 401


@pytest.mark.parametrize("token", ["", "0" * 40, "ü", "a\nb"])
def test_a_wrong_token_is_refused_in_words(closed, token):
    answer = httpx.post(f"{closed.url}/login/", data={"token": token})
    assert answer.status_code == 403
    assert 'role="alert"' in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_signing_in_leads_nowhere_else(served_api, target):
    form = {"token": served_api.token, "target": target}
    assert "evil" not in httpx.post(f"{served_api.url}/login/", data=form).text


def test_a_cookie_is_secure_over_https(database):
    assert "Secure" in asyncio.run(_over_https("/")).headers["set-cookie"]


async def _over_https(path):
    app = httpx.ASGITransport(create_app(settings()))
    async with httpx.AsyncClient(transport=app, base_url="https://prodops.example") as browser:
        return await browser.get(path)


def test_a_proxy_s_user_needs_no_cookie(closed):
    answer = httpx.get(f"{closed.url}/fastmon/", headers={"X-Remote-User": "anna"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


# ------------------------------------------------------------------ the prefix


_LINK = re.compile(r'(?:href|src|action|data-script|data-stream)="(/[^"]*)"')


def test_every_link_is_under_the_prefix(database, monkeypatch, request):
    monkeypatch.setenv("PRODOPS_ROOT_PATH", "/swf-monitor")
    served = request.getfixturevalue("served_api")
    take_in(database.ops_engine, messages_of(1, 1))
    with httpx.Client(base_url=served.url.removesuffix("/swf-monitor")) as browser:
        for path in ("/", "/fastmon/", "/requests/", "/requests/1/", "/login/"):
            answer = browser.get(f"/swf-monitor{path}")
            links = _LINK.findall(answer.text)
            assert (answer.status_code, bool(links)) == (200, True)
            assert all(link.startswith("/swf-monitor/") for link in links)
            assert all(browser.get(each).status_code == 200 for each in links if ".js" in each)
    assert "Path=/swf-monitor;" in httpx.get(f"{served.url}/").headers["set-cookie"]


def test_a_request_s_event_is_after_the_list_that_lacks_it(client, database):
    before = int(re.search(r'data-event-id="(\d+)"', client.get("/requests/").text).group(1))
    take_in(database.ops_engine, messages_of(1, 1))
    with transaction(database.ops_engine) as session:
        [event] = events.commit(
            session,
            [events.NewEvent(msg_type="flow_run_state", payload="{}", at=overview.now())],
        )
    assert event > before
    page = client.get("/requests/").text
    assert int(re.search(r'data-event-id="(\d+)"', page).group(1)) == event
