"""The border between the database roles: what the web tier can do, and what it never can."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from flows.common import access, cancellations, events, requests
from flows.common.callers import Caller, Means, Proof, Scope, on_ops_side
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
    "adopt a TF of the sampler's": "UPDATE swf_fastmon_files SET sampled_by = NULL",
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
    "insert a request past its door": f"INSERT INTO request ({REQUEST}) VALUES ({REQUEST_VALUES})",
    "choose an event's id": (
        "INSERT INTO event (id, at, msg_type, payload)"
        " VALUES (9223372036854775807, now(), 'x', '{}')"
    ),
    "announce what a request did": (
        "INSERT INTO event (at, msg_type, payload, request_id) VALUES (now(), 'x', '{}', 1)"
    ),
    "serve a cancellation": (
        "INSERT INTO cancellation (request_id, requested_by, reason, at, served_at)"
        " SELECT id, 'me', '', now(), now() FROM request LIMIT 1"
    ),
    "choose a record's id": (
        "INSERT INTO pcs_campaign (id, name, lifecycle, created_by, created_at, updated_at)"
        " VALUES (2147483647, 'x', 'future', 'me', now(), now())"
    ),
    "choose an agent's id": (
        "INSERT INTO swf_systemagent (id, instance_name, agent_type, description, status,"
        " operational_state, workflow_enabled, current_stf_count, total_stf_processed,"
        " created_at, updated_at)"
        " VALUES (9, 'a', 'x', '', 'OK', 'READY', true, 0, 0, now(), now())"
    ),
    "change a log record": "UPDATE swf_applog SET message = ''",
    "delete a namespace": "DELETE FROM swf_namespace",
    "forget the counters": "DELETE FROM swf_persistent_state",
    "give a run another number": "UPDATE swf_run_state SET run_number = 1",
    "read what is kept of a key": "SELECT key_hash FROM api_token",
    "make a session": ("INSERT INTO api_session VALUES ('x', 1, now(), now() + interval '1 day')"),
    "read the sessions": "SELECT * FROM api_session",
    "give itself a scope": "UPDATE api_policy SET proxied_ceiling = '{admin}'",
    "give a user a scope": "INSERT INTO api_user VALUES ('me', '{admin}', '', now())",
    "lower what an action takes": "UPDATE api_action SET scope = 'read'",
    "give a revoked token back": "UPDATE api_token SET revoked_at = NULL",
    "make a table": "CREATE TABLE public.mine (x int)",
    "switch the border off": "ALTER TABLE swf_fastmon_files DISABLE ROW LEVEL SECURITY",
    "become ops": "SET ROLE prodops_ops",
    "take ops' functions": "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
}

UNTOUCHED = {
    "update a TF of the sampler's": "UPDATE swf_fastmon_files SET status = 'failed'",
    "delete a TF of the sampler's": "DELETE FROM swf_fastmon_files",
}


@pytest.fixture
def sampled(database: Database) -> Database:
    """A run that was taken in and sampled: one request, STFs, TFs, events."""
    take_in(database.web_engine, messages_of(100, 3), database.caller("agent"))
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
    with pytest.raises(ProgrammingError, match="permission denied"):
        do(sampled, "UPDATE swf_fastmon_files SET sampled_by = 1 WHERE tf_filename = 'x.tf'")
    assert do(sampled, "DELETE FROM swf_fastmon_files WHERE tf_filename = 'x.tf'") == 1


def test_the_web_role_can_do_what_intake_needs(database: Database):
    body: dict[str, Any] = {"msg_type": "stf_ready", "run_id": "1", "filename": "1.stf"}
    agent = database.caller("agent")
    for taken in ("accepted", "repeated"):
        [verdict] = take_in(database.web_engine, [body], agent)
        assert verdict.taken == taken


def test_the_web_role_can_open_join_and_cancel_requests(database: Database):
    caller = database.caller("me", Scope.MESSAGE, Scope.REQUEST)
    for is_new in (True, False):
        with transaction(database.web_engine) as session:
            accepted = requests.accept(
                session, SAMPLE_STFS, SampleStfs(), caller=caller, source="rest"
            )
            assert accepted.is_new is is_new
    with transaction(database.web_engine) as session:
        cancellations.ask(session, accepted.id, caller=caller, reason="")
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


# ------------------------------------------------------------------ asking


def ask(database: Database, caller: Caller, action: str = "fetch_payload_log") -> None:
    """Ask as a web tier that was taken over: past every check of its own."""
    wanted = (
        f'{{"action": "{action}", "parameters": {{}}, "requested_by": "{caller.name}",'
        ' "source": "rest", "created_at": "2026-01-01T00:00:00Z"}'
    )
    proof = caller.proof
    with transaction(database.web_engine) as session:
        session.execute(
            text("SELECT request_accept(:means, :value, cast(:wanted AS jsonb))"),
            {"means": proof.means, "value": proof.value, "wanted": wanted},
        )


TAKEN_OVER = {
    "with no token": (Proof(means=Means.TOKEN, value="0" * 40), "me", "revoked"),
    "with no session": (Proof(means=Means.SESSION, value="x"), "me", "revoked"),
    "as nobody": (Proof(means=Means.PROXY, value=""), "", "revoked"),
    "by other means": (Proof(means=Means.COMMAND, value="root"), "root", "revoked"),
    "for another": (Proof(means=Means.PROXY, value="me"), "you", "speak for another"),
}


@pytest.mark.parametrize(("proof", "name", "words"), TAKEN_OVER.values(), ids=TAKEN_OVER)
def test_the_database_takes_no_request(database: Database, proof: Proof, name: str, words: str):
    with pytest.raises(ProgrammingError, match=words):
        ask(database, Caller(name, proof.means, proof=proof))


def test_the_database_holds_each_proof_to_its_scopes(database: Database):
    agent = database.caller("agent", Scope.MESSAGE)
    with pytest.raises(ProgrammingError, match="takes the scope request"):
        ask(database, agent)
    with pytest.raises(ProgrammingError, match="has not declared"):
        ask(database, agent, "no_such_action")
    anyone = Caller("me", Means.PROXY, proof=Proof(means=Means.PROXY, value="me"))
    ask(database, anyone)
    with pytest.raises(ProgrammingError, match="takes the scope operate"):
        ask(database, anyone, "prune_history")
    with transaction(database.ops_engine) as session:
        access.set_user(session, "me", [Scope.OPERATE], None)
    ask(database, anyone, "prune_history")
    with transaction(database.ops_engine) as session:
        access.policy(session).proxied_ceiling = ["read"]
    with pytest.raises(ProgrammingError, match="takes the scope request"):
        ask(database, anyone)


def test_the_database_lets_nobody_cancel_another_s_request(database: Database):
    with transaction(database.ops_engine) as session:
        form = SampleStfs()
        owner = on_ops_side("owner")
        accepted = requests.accept(session, SAMPLE_STFS, form, caller=owner, source="cli")
    cancel = text("SELECT request_cancel('proxy', 'me', :id, 'me', '')")
    with (
        pytest.raises(ProgrammingError, match="takes the scope operate"),
        transaction(database.web_engine) as session,
    ):
        session.execute(cancel, {"id": accepted.id})


# ------------------------------------------------------------------ the matrix


MATRIX = Path(__file__).parents[4] / "docs/explanation/border.md"
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)


COLUMNS = """
    SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position)
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    GROUP BY table_name
"""


def test_the_web_role_does_with_each_column_what_is_written(database: Database):
    """Every statement is planned, which checks its rights, and none is carried out."""
    written = {name: tuple(cells) for name, *cells in ROW.findall(MATRIX.read_text())}
    with transaction(database.ops_engine) as session:
        tables = {name: columns for name, columns in session.execute(text(COLUMNS))}  # noqa: C416
    tried = {name: rights_of(database, name, columns) for name, columns in tables.items()}
    assert tried == written


def rights_of(database: Database, table: str, columns: list[str]) -> tuple[str, ...]:
    statements = (
        (f"SELECT {{}} FROM {table}", columns),
        (f"INSERT INTO {table} ({{}}) VALUES (NULL)", columns),
        (f"UPDATE {table} SET {{}} = NULL", columns),
        (f"DELETE FROM {table}", ["all"]),
    )
    return tuple(
        in_words([name for name in of if is_permitted(database, statement.format(name))], of)
        for statement, of in statements
    )


def in_words(permitted: list[str], of: list[str]) -> str:
    if permitted == of:
        return "all"
    left = [name for name in of if name not in permitted]
    if permitted and len(left) < len(permitted):
        return "all but " + ", ".join(f"`{name}`" for name in left)
    return ", ".join(f"`{name}`" for name in permitted) or "none"


def is_permitted(database: Database, statement: str) -> bool:
    try:
        do(database, f"EXPLAIN {statement}")
    except ProgrammingError as error:
        assert "permission denied" in str(error)  # noqa: PT017 - the answer is the question
        return False
    return True
