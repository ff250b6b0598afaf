"""What is broken around prodops is named: Prefect's pool and version, services outside, the canary.

A Prefect that answers as it is told stands for one that is so; the rest are ports that nobody
listens at, as a service that is down leaves them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from deployments.doctor.findings import Condition
from deployments.doctor.subjects import database as database_check
from flows.common.database import make_engine, transaction
from tests.databases import Database
from tests.integration.deployments.doctor.test_breakages import Set, bad, found, given

pytestmark = pytest.mark.integration

__all__ = ["given"]

AWAY = "127.0.0.1:1"
OURS = version("prefect")
POOL = {"name": "prodops", "type": "prodops", "is_paused": False, "concurrency_limit": None}


# ------------------------------------------------------------------ Prefect


class Prefect:
    """A Prefect: answers by the path below `/api`."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/health": True, "/admin/version": OURS, "/work_pools/prodops": POOL
        }  # fmt: skip


@pytest.fixture
def prefect(given: Set) -> Iterator[Prefect]:
    said = Prefect()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = said.answers.get(self.path.removeprefix("/api"))
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        given(PRODOPS_PREFECT_API_URL=f"http://127.0.0.1:{server.server_port}/api")
        yield said
        server.shutdown()
        thread.join()


def test_a_prefect_and_a_pool_that_are_well_are_no_findings(prefect: Prefect):
    assert [each.condition for each in found("prefect")] == [Condition.OK]
    assert [each.condition for each in found("pool")] == [Condition.OK]


@pytest.mark.parametrize(
    ("theirs", "condition"),
    [
        ("2.20.0", Condition.PROBLEM),
        (f"{'.'.join(OURS.split('.')[:2])}.999", Condition.WARNING),
    ],
)
def test_a_prefect_of_another_version_is_named(prefect: Prefect, theirs: str, condition: Condition):
    prefect.answers["/admin/version"] = theirs
    wrong = bad("prefect", condition)
    assert (theirs in wrong.text, OURS in wrong.advice) == (True, True)


@pytest.mark.parametrize(
    ("pool", "words", "advice"),
    [
        (None, "no work pool prodops", "PRODOPS_PREFECT_POOL"),
        ({"is_paused": True}, "is paused", "prefect work-pool resume prodops"),
        ({"concurrency_limit": 0}, "a limit of 0", "set-concurrency-limit prodops"),
    ],
)
def test_a_pool_that_is_missing_or_closed_is_named(
    prefect: Prefect, pool: dict[str, Any] | None, words: str, advice: str
):
    prefect.answers["/work_pools/prodops"] = None if pool is None else POOL | pool
    wrong = bad("pool")
    assert (words in wrong.text, advice in wrong.advice) == (True, True)


# ------------------------------------------------------------------ services outside


@pytest.mark.parametrize(
    ("name", "settings", "about"),
    [
        ("panda", {"PRODOPS_PANDA_URL_SSL": f"http://{AWAY}"}, "is alive"),
        ("pcs", {"PRODOPS_PCS_URL": f"http://{AWAY}"}, "campaigns"),
        (
            "rucio-produced",
            {
                "PRODOPS_RUCIO_PRODUCED_URL": f"https://{AWAY}",
                "PRODOPS_RUCIO_PRODUCED_ACCOUNT": "eicread",
            },
            "ping",
        ),
        (
            "rucio-logs",
            {
                "PRODOPS_RUCIO_LOGS_URL": f"https://{AWAY}",
                "PRODOPS_RUCIO_LOGS_AUTH_TYPE": "userpass",
                "PRODOPS_RUCIO_LOGS_ACCOUNT": "panda",
            },
            "ping",
        ),
        ("xrootd", {"PRODOPS_PROVENANCE_EVGEN_URL": f"root://{AWAY}//eic/"}, "door"),
        ("broker", {"PRODOPS_BUS_HOST": "127.0.0.1", "PRODOPS_BUS_PORT": "1"}, "connect"),
    ],
)
def test_a_service_outside_that_is_down_is_named(
    given: Set, name: str, settings: dict[str, str], about: str
):
    given(**settings)
    wrong = [each for each in found(name) if each.condition is Condition.PROBLEM]
    [down] = [each for each in wrong if each.about == about]
    assert down.advice.startswith("see whether it is up")


def test_a_web_tier_that_is_down_is_named(given: Set):
    given(SWF_MONITOR_URL=f"http://{AWAY}")
    wrong = bad("web")
    assert (AWAY in wrong.text, "prodops api" in wrong.advice) == (True, True)


# ------------------------------------------------------------------ the database


def test_a_database_that_takes_no_writes_is_named(given: Set, database: Database):
    place = f"ALTER ROLE prodops_ops IN DATABASE {database.ops_url.database}"
    with transaction(database.ops_engine) as session:
        session.execute(text(f"{place} SET default_transaction_read_only = on"))
    try:
        assert "the primary" in bad("database").advice
    finally:
        engine = make_engine(pool_size=1)
        with engine.connect() as connection:
            connection.execute(text("SET TRANSACTION READ WRITE"))
            connection.execute(text(f"{place} RESET default_transaction_read_only"))
            connection.commit()
        engine.dispose()


def test_a_database_that_is_too_old_is_named(given: Set, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database_check, "_OLDEST", 99)
    wrong = bad("database")
    assert ("too old" in wrong.text, "99" in wrong.advice) == (True, True)


# ------------------------------------------------------------------ the canary

WALKED = text("""
    INSERT INTO request (action, parameters, requested_by, source, created_at, finished_at, state,
                         result)
    VALUES ('run_canary', '{"legs": []}', 'me', 'test', now(),
            now() - make_interval(mins => :minutes), :state, cast(:result AS jsonb))
""")


@pytest.mark.parametrize(
    ("came", "condition", "words"),
    [
        (None, Condition.WARNING, "none has come back yet"),
        ("failed", Condition.PROBLEM, "log failed: no such file"),
        ("unknown", Condition.WARNING, "log failed: no such file"),
        ("passed", Condition.WARNING, "none since"),
    ],
)
def test_a_canary_that_did_not_come_through_is_named(
    given: Set, database: Database, came: str | None, condition: Condition, words: str
):
    if came is not None:
        error = "" if came == "passed" else "log failed: no such file"
        state = "failed" if came == "failed" else "completed"
        result = json.dumps({"state": came, "error": error, "legs": []})
        minutes = 60 if came == "passed" else 0
        values = {"minutes": minutes, "state": state, "result": result}
        with transaction(database.ops_engine) as session:
            session.execute(WALKED, values)
    assert words in bad("canary", condition).text
