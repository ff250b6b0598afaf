"""The live page's numbers: what it shows, and that nothing is counted twice or missed."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from sqlalchemy import text

from api.fastmon.queries import live
from api.fastmon.views import RunState, Wanted
from flows.common import events
from flows.common.database import now, transaction
from flows.fastmon.models import InboxStf
from tests.sampled_run import messages_of, request_rows, sample, take_in

pytestmark = pytest.mark.integration


@pytest.fixture
def client(served_api):
    """A browser that has not been here before."""
    with served_api.client(token=None) as browser:
        yield browser


def snapshot_of(engine, **wanted):
    with transaction(engine) as session:
        return live.take(session, Wanted(**wanted))


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
    assert len(snapshot.files) == min(tally.tfs, live.FILES_SHOWN)


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
                namespace="other", stf_filename="x", state="set_aside",
                reason="namespace 'other' is not served", received_at=now(),
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


# ------------------------------------------------------------------ the pages


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
