"""The border between the database roles: what the web tier can do, and what it never can."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from flows.common import events, requests
from flows.common.database import transaction
from flows.common.models import Request
from flows.fastmon.actions import SAMPLE_STFS, SampleStfs
from tests.databases import Database
from tests.sampled_run import begin_sampling, messages_of, take_in

pytestmark = pytest.mark.integration

TF_ID = str(uuid.uuid4())
REQUEST = "action, parameters, requested_by, source, created_at"
REQUEST_VALUES = "'a', '{}', 'me', 'rest', now()"
INBOX = "namespace, stf_filename, received_at, state"
TF = "tf_file_id, stf_file_id, tf_filename, status, created_at, updated_at"
TF_VALUES = "gen_random_uuid(), (SELECT file_id FROM swf_stf_files LIMIT 1), 'x.tf'"

FORBIDDEN = {
    "update a request's state": "UPDATE request SET state = 'completed'",
    "update a request's result": "UPDATE request SET result = '{}'",
    "take a request's lease": "UPDATE request SET worker = 'web', lease_until = now()",
    "delete a request": "DELETE FROM request",
    "insert a finished request": (
        f"INSERT INTO request ({REQUEST}, state) VALUES ({REQUEST_VALUES}, 'completed')"
    ),
    "insert a request with a result": (
        f"INSERT INTO request ({REQUEST}, result) VALUES ({REQUEST_VALUES}, '{{}}')"
    ),
    "insert an attempted request": (
        f"INSERT INTO request ({REQUEST}, attempts) VALUES ({REQUEST_VALUES}, 3)"
    ),
    "withdraw a cancellation": "DELETE FROM cancellation",
    "change an event": "UPDATE event SET msg_type = 'other'",
    "delete an event": "DELETE FROM event",
    "insert a TF of the sampler's": (
        f"INSERT INTO swf_fastmon_files ({TF}, sampled_by)"
        f" VALUES ({TF_VALUES}, 'registered', now(), now(), 1)"
    ),
    "decide an inbox row": "UPDATE fastmon_inbox SET state = 'passed'",
    "delete an inbox row": "DELETE FROM fastmon_inbox",
    "insert a decided inbox row": (
        f"INSERT INTO fastmon_inbox ({INBOX}) VALUES ('n', 'z.stf', now(), 'sampled')"
    ),
    "insert an inbox row with a decision": (
        f"INSERT INTO fastmon_inbox ({INBOX}, request_id)"
        " VALUES ('n', 'z.stf', now(), 'waiting', 1)"
    ),
    "move a run's first STF": "UPDATE fastmon_first_stf SET stf_filename = 'z.stf'",
    "take a namespace's lease": "UPDATE fastmon_lease SET request_id = 99",
    "mark a state as relayed": (
        "INSERT INTO relayed_state (state_id, flow_run_id, at)"
        f" VALUES ('{TF_ID}', '{TF_ID}', now())"
    ),
    "make a token": (
        "INSERT INTO api_token (owner, note, key_hash, created_at) VALUES ('me', '', 'x', now())"
    ),
    "give a revoked token back": "UPDATE api_token SET revoked_at = NULL",
    "make a table": "CREATE TABLE public.mine (x int)",
    "switch the border off": "ALTER TABLE swf_fastmon_files DISABLE ROW LEVEL SECURITY",
    "become ops": "SET ROLE prodops_ops",
    "take ops' functions": "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
}

UNTOUCHED = {
    "update a TF of the sampler's": "UPDATE swf_fastmon_files SET status = 'failed'",
    "adopt a TF of the sampler's": "UPDATE swf_fastmon_files SET sampled_by = NULL",
    "delete a TF of the sampler's": "DELETE FROM swf_fastmon_files",
}


@pytest.fixture
def sampled(database: Database) -> Database:
    """A run that was taken in and sampled: one request, STFs, TFs, events."""
    take_in(database.web_engine, messages_of(100, 3))
    begin_sampling(database.ops_engine).serve_batch()
    return database


def do(database: Database, statement: str) -> int:
    """Do a statement as the web role; gives how many rows it touched."""
    with transaction(database.web_engine) as session:
        return int(session.execute(text(statement)).rowcount)


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_web_role_cannot(sampled: Database, statement: str):
    with pytest.raises(ProgrammingError, match=r"permission denied|row-level security|must be"):
        do(sampled, statement)


@pytest.mark.parametrize("statement", UNTOUCHED.values(), ids=UNTOUCHED)
def test_the_web_role_does_not_reach(sampled: Database, statement: str):
    with transaction(sampled.ops_engine) as session:
        before = session.scalar(text("SELECT count(*) FROM swf_fastmon_files"))
    assert before == 21
    assert do(sampled, statement) == 0


def test_the_web_role_cannot_pass_its_own_tf_off_as_the_samplers(sampled: Database):
    do(
        sampled,
        f"INSERT INTO swf_fastmon_files ({TF}) VALUES ({TF_VALUES}, 'registered', now(), now())",
    )
    with pytest.raises(ProgrammingError, match="row-level security"):
        do(sampled, "UPDATE swf_fastmon_files SET sampled_by = 1 WHERE tf_filename = 'x.tf'")
    assert do(sampled, "DELETE FROM swf_fastmon_files WHERE tf_filename = 'x.tf'") == 1


def test_the_web_role_can_do_what_intake_needs(database: Database):
    body: dict[str, Any] = {"msg_type": "stf_ready", "run_id": "1", "filename": "1.stf"}
    for taken in ("accepted", "repeated"):
        [verdict] = take_in(database.web_engine, [body])
        assert verdict.taken == taken


def test_the_web_role_can_open_join_and_cancel_requests(database: Database):
    for is_new in (True, False):
        with transaction(database.web_engine) as session:
            accepted = requests.accept(
                session, SAMPLE_STFS, SampleStfs(), requested_by="me", source="rest"
            )
            assert accepted.is_new is is_new
    with transaction(database.web_engine) as session:
        requests.ask_to_cancel(session, accepted.id, requested_by="me", reason="")
        assert session.get_one(Request, accepted.id).state == "queued"


def test_the_web_role_can_append_events_and_write_the_agents_tables(database: Database):
    with transaction(database.web_engine) as session:
        assert events.commit(session, [events.message_event({"msg_type": "x"})])
    do(database, "INSERT INTO swf_runs (run_number, start_time) VALUES (1, now())")
    assert do(database, "UPDATE swf_runs SET end_time = now()") == 1
    assert do(database, "DELETE FROM swf_runs") == 1


def test_the_ops_role_owns_neither_the_border_nor_the_database(database: Database):
    with transaction(database.ops_engine) as session:
        is_super = session.scalar(
            text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        )
    assert is_super is False
