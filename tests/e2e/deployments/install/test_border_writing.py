"""What a web tier that was taken over writes, and what it can hold up.

Each line of the border's table is tried; `tests/unit/docs/test_border.py` sees that no clause is
left out.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import psycopg
import pytest

from flows.common import events
from flows.common.database import transaction
from flows.common.database_errors import DatabaseUnavailable
from tests.e2e.deployments.install.border import Side, tries
from tests.e2e.deployments.install.taken_over import ACTION, TakenOver
from tests.support.installation import as_user
from tests.waiting import PATIENCE, stays, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("install")]

CAN, CANNOT = Side.CAN, Side.CANNOT
EVENT_LOCK = 0x70726F64
ENDED = {"completed", "failed", "cancelled"}
CAMPAIGN = (
    "pcs_campaign (name, lifecycle, created_by, created_at, updated_at)"
    " VALUES (%(name)s, 'future', %(name)s, now(), now())"
)
_CONNECTIONS = 25  # more than a web tier has


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
