"""What a web tier that was taken over reads, whom it can name, and what it can ask for.

Each line of the border's table is tried; `tests/unit/docs/test_border.py` sees that no clause is
left out.
"""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy.exc import ProgrammingError

from flows.common import access
from flows.common.callers import Scope
from flows.common.database import now, transaction
from tests.e2e.deployments.install.border import Side, tries
from tests.e2e.deployments.install.taken_over import ACTION, TakenOver
from tests.support.installation import as_user
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("install")]

CAN, CANNOT = Side.CAN, Side.CANNOT
OPEN = {"queued", "claimed", "running"}


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
