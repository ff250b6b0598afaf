"""Each line of the border's table, tried as a web tier that was taken over would.

It has the role's password, every function of the database that the role may call, and a shell of
the web tier's user. `tests/unit/docs/test_border.py` sees that no clause is left out.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from flows.common import access, events
from flows.common.callers import Scope
from flows.common.database import make_engine, now, transaction
from flows.common.database_errors import DatabaseUnavailable
from tests.e2e.deployments.install.border import Side, tries
from tests.support.installation import Installation, as_user, env_file
from tests.waiting import PATIENCE, stays, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("install")]

CAN, CANNOT = Side.CAN, Side.CANNOT
DENIED = r"permission denied|row-level security|must be|has not|may speak|revoked|was revoked"
EVENT_LOCK = 0x70726F64
OPEN = {"queued", "claimed", "running"}
ENDED = {"completed", "failed", "cancelled"}
ACTION = "fetch_payload_log"
"""What whoever has the scope `request` may ask for; without parameters it fails at once."""


CAMPAIGN = (
    "pcs_campaign (name, lifecycle, created_by, created_at, updated_at)"
    " VALUES (%(name)s, 'future', %(name)s, now(), now())"
)
_CONNECTIONS = 25  # more than a web tier has


@dataclass(frozen=True)
class TakenOver:
    """What somebody has who took the web tier over, and the operations side's view of it."""

    site: Installation
    web: Engine
    ops: Engine

    def do(self, statement: str, **values: Any) -> Any:
        """The first column of the first row of what the web role does; None without one."""
        return self._do(self.web, statement, values)

    def seen(self, statement: str, **values: Any) -> Any:
        """The same with the operations side's rights."""
        return self._do(self.ops, statement, values)

    def refused(self, statement: str, words: str = DENIED, **values: Any) -> None:
        """See that the database refuses the web role the statement."""
        with pytest.raises(ProgrammingError, match=words):
            self.do(statement, **values)

    def token(self, owner: str, *scopes: Scope, ends: datetime | None = None) -> str:
        """A token of the owner, which came by."""
        permitted = scopes or [Scope.REQUEST]
        with transaction(self.ops) as session:
            return access.create_token(session, owner, scopes=permitted, expires_at=ends)

    def ask(self, means: str, proof: str, name: str, action: str, **parameters: Any) -> int:
        """Ask for an action past every check of the API."""
        wanted = {
            "action": action, "parameters": parameters, "requested_by": name, "source": "rest",
            "created_at": now().isoformat(),
        }  # fmt: skip
        statement = "SELECT request_accept(:means, :proof, cast(:wanted AS jsonb))"
        return int(self.do(statement, means=means, proof=proof, wanted=json.dumps(wanted)))

    @property
    def dsn(self) -> str:
        """The web role's way into the database, past everything of ours."""
        url = self.web.url.set(drivername="postgresql")
        passfile = self.site.places.web_passfile
        return f"{url.render_as_string(hide_password=False)}?passfile={passfile}"

    @staticmethod
    def _do(engine: Engine, statement: str, values: dict[str, Any]) -> Any:
        with transaction(engine) as session:
            result = session.execute(text(statement), values)
            row = result.first() if result.returns_rows else None
            return None if row is None else row[0]


@pytest.fixture
def taken(running: Installation) -> Iterator[TakenOver]:
    engines = [
        engine_of(path) for path in (running.places.web_env, running.places.ops_env)
    ]  # fmt: skip
    yield TakenOver(running, *engines)
    for engine in engines:
        engine.dispose()


def engine_of(settings: Path) -> Engine:
    found = env_file(settings)
    url = make_url(found["PRODOPS_DATABASE_URL"]).set(drivername="postgresql+psycopg")
    return make_engine(url, passfile=Path(found["PRODOPS_DATABASE_PASSFILE"]), pool_size=2)


@pytest.fixture
def name() -> str:
    return f"user-{uuid.uuid4().hex[:8]}"


# ------------------------------------------------------------------ reading


@tries(CAN, "read everything in the database but hashes of keys and sessions")
def test_it_reads_the_database_without_hashes(taken: TakenOver):
    assert taken.do("SELECT count(*) FROM request") is not None
    assert taken.do("SELECT count(owner) FROM api_token") > 0
    taken.refused("SELECT key_hash FROM api_token")
    taken.refused("SELECT secret_hash FROM api_session")


@tries(CANNOT, "read a credential", "a file of the ops side", "Prefect's password")
def test_it_reads_no_file_of_the_ops_side(taken: TakenOver):
    places = taken.site.places
    for path in (
        places.ops_passfile,
        places.prefect_password,
        places.pcs_token,
        places.canary_token,
        places.ops_env,
    ):
        with pytest.raises(AssertionError, match="PermissionError"):
            as_user(taken.site.web_user, path.read_text)
    taken.refused("SELECT pg_read_file(:path)", path=str(places.ops_passfile))
    taken.refused("COPY event FROM PROGRAM 'id'")


@tries(CANNOT, "its blocks")
def test_it_reads_no_block_of_prefects(taken: TakenOver):
    where = {"host": "127.0.0.1", "port": taken.site.server.port, "user": "prodops_web"}
    password = taken.site.places.web_passfile.read_text().strip().rpartition(":")[2]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(**where, dbname="prefect", password=password)
    blocks = f"http://127.0.0.1:{taken.site.prefect_port}/api/block_documents/filter"
    for password in ("", "x"):
        answer = httpx.post(blocks, json={}, auth=("admin", password), timeout=PATIENCE)
        assert answer.status_code == 401


# ------------------------------------------------------------------ tokens and names


def wanted_token(scopes: list[str], hours: int = 1) -> str:
    kept = {"note": "made", "key_hash": uuid.uuid4().hex, "scopes": scopes}
    return json.dumps(kept | {"expires_at": (now() + timedelta(hours=hours)).isoformat()})


CREATE = "SELECT api_token_create('token', :key, cast(:wanted AS jsonb))"
REVOKE = "SELECT api_token_revoke('token', :key, :id, false)"


@tries(
    CAN,
    "use the tokens and sessions that come by, within their scopes, until they are revoked",
    "with one, make others of the same owner that permit no more",
    "last no longer",
    "revoke those that permit no more",
)
def test_it_uses_what_comes_by_and_makes_no_more_of_it(taken: TakenOver, name: str):
    key = taken.token(name, Scope.REQUEST)
    assert taken.ask("token", key, name, ACTION) > 0
    taken.refused(
        "SELECT request_accept('token', :key, cast(:wanted AS jsonb))", key=key,
        wanted=json.dumps({"action": "prune_history", "requested_by": name}),
    )  # fmt: skip
    made = taken.do(CREATE, key=key, wanted=wanted_token(["read", "request"]))
    taken.refused(CREATE, "within a year", key=key, wanted=wanted_token(["read"], hours=9000))
    short = taken.token(name, Scope.REQUEST, ends=now() + timedelta(hours=2))
    assert taken.do(CREATE, key=short, wanted=wanted_token(["read"], hours=1)) > 0
    taken.refused(CREATE, "no later", key=short, wanted=wanted_token(["read"], 3))
    assert taken.do(REVOKE, key=key, id=made) == made
    larger = taken.token(name, Scope.OPERATE)
    its_id = taken.seen("SELECT max(id) FROM api_token WHERE owner = :name", name=name)
    taken.refused(REVOKE, "permit no more", key=key, id=its_id)
    assert taken.do(REVOKE, key=larger, id=its_id) == its_id
    open_session = "SELECT api_session_open(:key, :secret, 60)"
    assert not taken.do(open_session, key=larger, secret="s")
    assert taken.do(open_session, key=key, secret=name)
    assert taken.ask("session", name, name, "stop_workflow") > 0


@tries(
    CANNOT, "use a token that did not come by: it never sees one, only the database compares hashes"
)
def test_a_hash_or_an_id_is_no_token(taken: TakenOver, name: str):
    taken.token(name)
    digest = taken.seen("SELECT key_hash FROM api_token WHERE owner = :name", name=name)
    for proof in (digest, name, ""):
        with pytest.raises(ProgrammingError, match="revoked"):
            taken.ask("token", proof, name, ACTION)


@tries(CAN, "name any user below the ceiling for proxied users")
def test_it_names_users(taken: TakenOver, name: str):
    assert taken.ask("proxy", name, name, ACTION) > 0


@tries(
    CANNOT,
    "name a user above it",
    "give itself a scope",
    "make a token with more than the scopes of one that came by",
    "with a proxied name",
    "of a service",
    "speak as a service",
)
def test_it_gives_nobody_more(taken: TakenOver, name: str):
    with transaction(taken.ops) as session:
        access.set_user(session, name, [Scope.ADMIN], None)
    scopes = taken.do("SELECT scopes FROM api_caller('proxy', :name)", name=name)
    assert "admin" not in scopes
    taken.refused("UPDATE api_user SET scopes = '{admin}'")
    taken.refused("UPDATE api_token SET scopes = '{admin}'")
    taken.refused("UPDATE api_policy SET proxied_ceiling = '{admin}'")
    key = taken.token(name, Scope.REQUEST)
    taken.refused(CREATE, "permit no more", key=key, wanted=wanted_token(["read", "operate"]))
    proxied = "SELECT api_token_create('proxy', :name, cast(:wanted AS jsonb))"
    taken.refused(proxied, "made by whoever has", name=name, wanted=wanted_token(["read"]))
    service = taken.token("prodops", Scope.REQUEST)
    taken.refused(CREATE, "is a service", key=service, wanted=wanted_token(["read"]))
    for means, proof in (("proxy", "prodops"), ("command", "prodops"), ("token", key)):
        with pytest.raises(ProgrammingError, match=r"revoked|speak for another"):
            taken.ask(means, proof, "somebody-else", ACTION)


# ------------------------------------------------------------------ requests


@tries(
    CAN,
    "ask for any declared action that such a caller may ask for, for any task where only the gate"
    " in the API looked at the owner",
)
def test_it_asks_past_the_gate_of_the_api(taken: TakenOver, name: str):
    request = taken.ask("proxy", name, name, "submit_task", task="of-somebody-else")
    row = "SELECT requested_by FROM request WHERE id = :id"
    assert taken.seen(row, id=request) == name


@tries(
    CANNOT,
    "ask for other actions",
    "choose code: parameters are parsed again on the ops side, by forms without free fields, and"
    " never evaluated",
)
def test_it_chooses_no_code(taken: TakenOver, name: str, tmp_path: Path):
    with pytest.raises(ProgrammingError, match="has not declared"):
        taken.ask("proxy", name, name, "os.system")
    evil = {"__prefect_kind": "jinja", "template": f"{{{{ open('{tmp_path}/x', 'w') }}}}"}
    request = taken.ask("proxy", name, name, ACTION, command="id", entrypoint=evil)
    state = "SELECT state FROM request WHERE id = :id"
    assert wait_until(lambda: taken.seen(state, id=request) not in OPEN)
    assert taken.seen(state, id=request) == "failed"
    assert list(tmp_path.iterdir()) == []


@tries(CAN, "cancel requests of those it can name", "where one of them may operate, of all")
def test_it_cancels(taken: TakenOver, name: str):
    request = taken.ask("proxy", name, name, ACTION)
    cancel = "SELECT request_cancel('proxy', :name, :id, :name, '')"
    taken.refused(cancel, name="somebody-else", id=request)
    taken.do(cancel, name=name, id=request)
    with transaction(taken.ops) as session:
        access.set_user(session, "operator", [Scope.OPERATE], None)
    taken.do(cancel, name="operator", id=taken.ask("proxy", name, name, ACTION))


@tries(CANNOT, "write a request's state, result, worker", "lease", "an attempt")
def test_it_writes_no_result(taken: TakenOver, name: str):
    taken.ask("proxy", name, name, ACTION)
    for column in ("state = 'completed'", "result = '{}'", "worker = 'x'", "lease_until = now()",
                   "attempts = 9", "error = 'x'"):  # fmt: skip
        taken.refused(f"UPDATE request SET {column}")
    taken.refused("DELETE FROM request")
    taken.refused("INSERT INTO submission_attempt (id) VALUES (1)")
    taken.refused("UPDATE submission_attempt SET state = 'submitted'")


# ------------------------------------------------------------------ notifications


@pytest.fixture
def channel(taken: TakenOver, name: str) -> int:
    made = (
        "INSERT INTO notification_channel (name, kind, url_file, is_open_to_watchers, created_at)"
        " VALUES (:name, 'mattermost', '/nowhere', true, now()) RETURNING id"
    )
    return int(taken.seen(made, name=name))


@tries(CAN, "write rules, watches", "addresses of those it can name")
def test_it_writes_what_people_want_to_hear(taken: TakenOver, name: str, channel: int):
    taken.do("SELECT notification_address_set('proxy', :n, :n, 'a@example.org')", n=name)
    watch = {"username": name, "kind": "task", "subject": "x", "watch_for": "complete"}
    statement = "SELECT notification_watch_set('proxy', :n, cast(:wanted AS jsonb))"
    assert taken.do(statement, n=name, wanted=json.dumps(watch)) > 0
    rule = {
        "author": name, "channel_id": channel, "what": "action", "name": ACTION, "options": {},
        "requester": name, "owner": "", "campaign": "", "subject": "", "is_enabled": False,
    }  # fmt: skip
    statement = "SELECT notification_rule_save('proxy', :n, NULL, cast(:wanted AS jsonb))"
    assert taken.do(statement, n=name, wanted=json.dumps(rule)) > 0
    taken.refused(statement, n=name, wanted=json.dumps(rule | {"author": "somebody-else"}))


@tries(
    CANNOT,
    "read the URL of a channel",
    "the path of its file",
    "change what was",
    "is to be sent",
)
@pytest.mark.usefixtures("channel")
def test_it_neither_reads_a_channels_url_nor_changes_what_is_sent(taken: TakenOver):
    taken.refused("SELECT url_file FROM notification_channel")
    taken.refused("UPDATE notification_channel SET url_file = '/tmp/x'")
    taken.refused("INSERT INTO notification_channel (name) VALUES ('x')")
    taken.refused("UPDATE notification SET state = 'sent', title = 'x'")
    taken.refused("DELETE FROM notification")


# ------------------------------------------------------------------ events and records


@tries(CAN, "announce events about no request", "no run, as agents do")
def test_it_announces_what_agents_do(taken: TakenOver):
    with transaction(taken.web) as session:
        assert events.commit(session, [events.message_event({"msg_type": "x"})])


@tries(
    CANNOT, "announce what a request", "run did", "choose an event's id, change", "delete an event"
)
def test_it_writes_no_history(taken: TakenOver):
    insert = "INSERT INTO event (at, msg_type, payload, {}) VALUES (now(), 'x', '{{}}', {})"
    taken.refused(insert.format("request_id", "1"))
    taken.refused(insert.format("flow_run_id", "gen_random_uuid()"))
    taken.refused(insert.format("id", "9223372036854775807"))
    taken.refused("UPDATE event SET msg_type = 'x'")
    taken.refused("DELETE FROM event")
    taken.refused("SELECT setval('event_id_seq', 1)")


@tries(
    CAN,
    "write PCS's",
    "the agents' records, for which the web tier is the home, so",
    "name a wrong pid of an agent",
    "hand commands to users' testbeds: a controller looks at a process itself before it signals it",
)
def test_it_writes_the_records_that_it_is_the_home_of(taken: TakenOver, name: str):
    taken.do(f"INSERT INTO {CAMPAIGN.replace('%(name)s', ':name')}", name=name)
    taken.do(
        "INSERT INTO swf_systemagent (instance_name, agent_type, description, status,"
        " operational_state, workflow_enabled, current_stf_count, total_stf_processed, pid,"
        " created_at, updated_at)"
        " VALUES (:name, 'x', '', 'OK', 'READY', true, 0, 0, 1, now(), now())", name=name,
    )  # fmt: skip
    command = json.dumps({"username": name, "verb": "stop", "requested_by": name})
    add = "SELECT testbed_command_add('proxy', :name, cast(:wanted AS jsonb))"
    assert taken.do(add, name=name, wanted=command) > 0


@tries(
    CANNOT,
    "write a TF of the sampler",
    "what provenance found",
    "what a submission came to",
    "a log's state",
)
def test_it_writes_nothing_that_the_ops_side_found(taken: TakenOver):
    taken.refused(
        "INSERT INTO swf_fastmon_files (tf_file_id, tf_filename, status, sampled_by)"
        " VALUES (gen_random_uuid(), 'x', 'registered', 1)"
    )
    for table in ("provenance_file", "provenance_dataset", "provenance_report",
                  "submission_resolution", "panda_operation", "payload_log"):  # fmt: skip
        taken.refused(f"DELETE FROM {table}")
        taken.refused(f"INSERT INTO {table} DEFAULT VALUES")
    taken.refused("UPDATE payload_log SET state = 'ready'")


# ------------------------------------------------------------------ limits, locks, processes


@tries(
    CAN,
    "lift the limits on its statements",
    "idle transactions, hold locks on rows that it may write",
    "take connections: the limits of `prodops_web` are defaults that a role may change for itself,"
    " as it may its password",
)
def test_it_lifts_its_limits_and_installing_again_sets_them(taken: TakenOver, name: str):
    assert taken.do("SHOW statement_timeout") == "30s"
    with ExitStack() as opened:
        many = [opened.enter_context(psycopg.connect(taken.dsn)) for _ in range(_CONNECTIONS)]
        many[0].execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        many[0].execute(f"INSERT INTO {CAMPAIGN}", {"name": name})
        many[0].commit()
        many[0].execute("UPDATE pcs_campaign SET name = name WHERE name = %(name)s", {"name": name})
        locked = "SELECT 1 FROM pcs_campaign WHERE name = :name FOR UPDATE NOWAIT"
        with pytest.raises(DatabaseUnavailable, match="lock"):
            taken.seen(locked, name=name)
    taken.do("ALTER ROLE prodops_web SET statement_timeout = 0")
    taken.do("ALTER ROLE prodops_web PASSWORD 'mine'")
    done = taken.site.run("--json")
    assert done.returncode == 0, done.stderr
    changed = [row["step"] for row in json.loads(done.stdout)["steps"] if row["state"] != "done"]
    assert [step.split(" (")[0] for step in changed] == [
        "role prodops_web", "access of prodops_web to prodops",
    ]  # fmt: skip
    taken.web.dispose()
    assert taken.do("SHOW statement_timeout") == "30s"


@tries(
    CANNOT,
    "change another role",
    "what the stack's start, or `prodops install`, sets again: limits, other defaults, password",
)
def test_it_changes_no_other_role(taken: TakenOver):
    for role in ("prodops_ops", "prefect", "postgres"):
        taken.refused(f"ALTER ROLE {role} PASSWORD 'mine'")
        taken.refused(f"ALTER ROLE {role} SET statement_timeout = 1")
        taken.refused(f"SET ROLE {role}")
    taken.refused("CREATE ROLE mine")
    taken.refused("CREATE TABLE public.mine (x int)")


@tries(CAN, "answer browsers as it likes", "stop answering")
def test_it_signals_its_own_processes_and_no_others(taken: TakenOver):
    web = pwd.getpwnam(taken.site.web_user).pw_uid
    processes = taken.site.processes
    api, health = processes["api"].pid, f"http://127.0.0.1:{taken.site.api_port}/api/health/"
    as_user(taken.site.web_user, lambda: os.kill(api, signal.SIGSTOP))
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(health, timeout=2)
    as_user(taken.site.web_user, lambda: os.kill(api, signal.SIGCONT))
    assert httpx.get(health, timeout=PATIENCE).is_success
    for part in ("worker", "relay", "prefect"):
        assert Path(f"/proc/{processes[part].pid}").stat().st_uid != web
        with pytest.raises(AssertionError, match="PermissionError"):
            as_user(
                taken.site.web_user, lambda pid=processes[part].pid: os.kill(pid, signal.SIGKILL)
            )


@tries(
    CAN,
    "hold the lock that orders events, so that nothing is announced",
    "no request ends whose end is announced, until its sessions are ended",
)
@tries(CANNOT, "lose", "change what was accepted: it is done once the lock is free")
def test_what_was_accepted_is_done_once_the_lock_is_free(taken: TakenOver, name: str):
    def announce() -> None:
        with transaction(taken.ops) as session:
            events.commit(session, [events.message_event({"msg_type": "x", "run_id": name})])

    def ask() -> int:
        """Ask for what fails in a moment, which is announced."""
        return taken.ask("proxy", name, name, ACTION, pandaid=4711)

    announced = "SELECT count(*) FROM event WHERE run_id = :name"
    state = "SELECT state FROM request WHERE id = :id"
    began, before = time.monotonic(), ask()
    assert wait_until(lambda: taken.seen(state, id=before) == "failed")
    usual = time.monotonic() - began
    assert taken.seen("SELECT count(*) FROM event WHERE request_id = :id", id=before) > 1
    announcing = threading.Thread(target=announce)
    with closing(psycopg.connect(taken.dsn)) as holder, taken.site.server.connect() as admin:
        holder.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [EVENT_LOCK])
        request = ask()
        announcing.start()
        assert stays(lambda: taken.seen(state, id=request) not in ENDED, usual + 2)
        assert announcing.is_alive()
        assert taken.seen(announced, name=name) == 0
        admin.execute("SELECT pg_terminate_backend(%s)", [holder.info.backend_pid])
    announcing.join(PATIENCE)
    assert taken.seen(announced, name=name) == 1
    assert wait_until(lambda: taken.seen(state, id=request) == "failed")
