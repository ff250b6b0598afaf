"""The live page's numbers: what it shows, and that nothing is counted twice or missed."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from sqlalchemy import text

from api.fastmon.queries import live
from api.fastmon.queries.files import FILES_SHOWN
from api.fastmon.views import RunState, Wanted
from flows.common import canary, events
from flows.common.database import now, transaction
from flows.common.settings import settings
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
    assert len(snapshot.files) == min(tally.tfs, FILES_SHOWN)


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


def test_what_the_canary_sends_is_taken_sampled_and_left_out_unless_it_is_asked_for(
    database, monkeypatch
):
    monkeypatch.setenv("PRODOPS_FASTMON_NAMESPACES", "epic")
    settings.cache_clear()
    messages = messages_of(canary.RUN_NUMBER, 2, namespace=canary.NAMESPACE)
    take_in(database.ops_engine, messages)
    assert snapshot_of(database.web_engine).inbox.waiting == 0
    sample(database.ops_engine, namespace=canary.NAMESPACE)
    shown = snapshot_of(database.web_engine)
    assert (shown.runs, shown.files, shown.namespaces) == ((), (), ())
    [run] = snapshot_of(database.web_engine, namespace=canary.NAMESPACE).runs
    assert (run.announced, run.sampled) == (2, 2)


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


# ------------------------------------------------------------------ heard last, whatever the number

_NUMBERS = "generate_series(cast(:first AS int), cast(:last AS int)) AS n"
_EARLIER_RUNS = text(f"""
    WITH first AS (
        INSERT INTO fastmon_first_stf (namespace, run_number, stf_filename)
        SELECT 'epic', n, 'swf.' || n || '.stf' FROM {_NUMBERS}
        RETURNING *)
    INSERT INTO fastmon_inbox (namespace, stf_filename, run_number, state, received_at)
    SELECT namespace, stf_filename, run_number, 'passed', now() - interval '1 hour' FROM first
""")
_EARLIER_CALLS = text(f"""
    INSERT INTO event (at, msg_type, namespace, run_id, payload)
    SELECT now() - interval '1 hour', 'end_run', 'epic', n::text, '{{}}'
    FROM {_NUMBERS}
""")
_REGISTERED_RUNS = text(f"""
    INSERT INTO swf_runs (run_number, start_time)
    SELECT n, now() - interval '1 day' FROM {_NUMBERS}
""")
_REGISTERED_STF = text("""
    INSERT INTO swf_stf_files (file_id, run_id, machine_state, stf_filename, created_at, status)
    SELECT gen_random_uuid(), run_id, 'physics', 'rest.stf', now(), 'registered'
    FROM swf_runs WHERE run_number = :run
""")
_MANY_FILES = text("""
    WITH run AS (INSERT INTO swf_runs (run_number, start_time) VALUES (999, now())
                 RETURNING run_id),
         stf AS (INSERT INTO swf_stf_files (file_id, run_id, machine_state, stf_filename,
                                            created_at, status)
                 SELECT gen_random_uuid(), run_id, 'physics', 'many.stf', now(), 'done' FROM run
                 RETURNING file_id)
    INSERT INTO swf_fastmon_files (tf_file_id, stf_file_id, tf_filename, file_size_bytes, status,
                                   created_at, updated_at)
    SELECT gen_random_uuid(), file_id, 'many_' || n, 1, 'registered', now() + interval '1 s', now()
    FROM stf, generate_series(1, 5100) AS n
""")


def do(database, statement, **values):
    with transaction(database.ops_engine) as session:
        session.execute(statement, values)


def going(run, stfs):
    return [each for each in messages_of(run, stfs) if each["msg_type"] != "end_run"]


def test_a_run_that_takes_data_is_listed_first_whatever_its_number(database):
    do(database, _EARLIER_RUNS, first=1000, last=1059)
    take_in(database.ops_engine, going(106, 3))
    first, *others = snapshot_of(database.web_engine).runs
    assert (first.run_number, first.announced, first.state) == (106, 3, RunState.TAKING_DATA)
    assert len(others) == 49


def test_a_run_that_only_began_is_listed_though_many_have_higher_numbers(database):
    do(database, _EARLIER_RUNS, first=1000, last=1059)
    take_in(database.ops_engine, messages_of(106, 1)[:1])
    [expected] = [
        run for run in snapshot_of(database.web_engine).runs if run.state is RunState.EXPECTED
    ]
    assert expected.run_number == 106


def test_a_run_whose_stfs_waited_is_listed_while_they_are_sampled(database):
    take_in(database.ops_engine, going(106, 2))
    do(database, text("UPDATE fastmon_inbox SET received_at = now() - interval '2 days'"))
    do(database, text("UPDATE event SET at = now() - interval '2 days'"))
    do(database, text("UPDATE fastmon_tally SET last_at = now() - interval '2 days'"))
    do(database, _EARLIER_RUNS, first=1000, last=1059)
    assert 106 not in {run.run_number for run in snapshot_of(database.web_engine).runs}
    sample(database.ops_engine)
    assert snapshot_of(database.web_engine).runs[0].run_number == 106


def test_a_registered_run_is_listed_by_its_last_file_not_by_its_key(database):
    do(database, _REGISTERED_RUNS, first=1000, last=1060)
    do(database, _REGISTERED_STF, run=1000)
    first, *others = snapshot_of(database.web_engine).runs
    assert (first.run_number, first.announced) == (1000, 1)
    assert len(others) == 49


def test_an_old_run_is_looked_up_by_its_number_with_its_end(database):
    take_in(database.ops_engine, messages_of(106, 2))
    do(database, text("UPDATE fastmon_inbox SET received_at = now() - interval '2 days'"))
    do(database, text("UPDATE event SET at = now() - interval '2 days'"))
    do(database, _EARLIER_RUNS, first=1000, last=1059)
    do(database, _EARLIER_CALLS, first=1000, last=2100)
    for wanted in ({"run": 106}, {"run": 106, "namespace": "epic"}):
        [run] = snapshot_of(database.web_engine, **wanted).runs
        assert (run.run_number, run.announced, run.state) == (106, 2, RunState.ENDED)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("run=999", "Run 999 is unknown here</b>: nothing was ever heard of it."),
        ("run=106&namespace=other", "nothing was ever heard of it in namespace other."),
        ("run=106&namespace=-", "nothing was ever heard of it in namespace (none)."),
    ],
)
def test_an_unknown_run_is_said_to_be_unknown(client, database, query, words):
    take_in(database.ops_engine, messages_of(106, 2))
    page = client.get(f"/fastmon/?{query}")
    assert page.status_code == 404
    assert words in page.text
    assert client.get(f"/fastmon/snapshot.json?{query}").json()["is_unknown"] is True
    assert client.get("/fastmon/snapshot.json?run=106").json()["is_unknown"] is False


def test_the_files_of_a_run_are_found_however_many_are_newer(database):
    take_in(database.ops_engine, messages_of(106, 2))
    sample(database.ops_engine)
    do(database, _MANY_FILES)
    assert {file.run_number for file in snapshot_of(database.web_engine).files} == {999}
    for wanted in ({"run": 106}, {"namespace": "epic"}):
        found = snapshot_of(database.web_engine, **wanted).files
        assert {file.run_number for file in found} == {106}
        assert len(found) == 14
    assert len(snapshot_of(database.web_engine, run=999).files) == FILES_SHOWN


def test_an_open_sampling_run_is_listed_though_many_are_newer(database):
    take_in(database.ops_engine, messages_of(106, 1))
    do(
        database,
        text("""
            INSERT INTO request (action, parameters, requested_by, source, state, created_at)
            SELECT 'sample_stfs', '{"namespace": "epic"}', 'x', 'rest', 'completed', now()
            FROM generate_series(1, 30)"""),
    )
    with transaction(database.web_engine) as session:
        first, *others = live.sampling_runs(session, None)
    assert first.state == "queued"
    assert len(others) == 14


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
