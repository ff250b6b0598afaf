"""Agents' log records over REST: open to anybody, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.agents.queries import logs
from api.http.rate import Rate
from flows.agents.models import AppLog
from flows.common.database import transaction

pytestmark = pytest.mark.integration

RECORD = {
    "app_name": "base_agent",
    "instance_name": "fastmon-agent-tester-12",
    "timestamp": "2026-08-01T12:00:00.394457",
    "level": 20,
    "levelname": "INFO",
    "message": "Connected",
    "module": "base_agent",
    "funcname": "run",
    "lineno": 334,
    "process": 4711,
    "thread": 140_000_000_000_000,
    "extra_data": {"username": "tester", "run_id": "100123"},
}


@pytest.fixture
def anybody(served_api) -> Iterator[httpx.Client]:
    with served_api.client(token=None) as client:
        yield client


def log(client: httpx.Client, **said: Any) -> httpx.Response:
    return client.post("/api/logs/", json=RECORD | said)


@pytest.mark.parametrize("token", [None, "own", "0" * 40])
def test_anybody_may_log_whatever_the_token(served_api, token):
    with served_api.client(token=token) as client:
        answer = log(client)
    assert answer.status_code == 201
    said = answer.json()
    assert list(said) == ["id", *RECORD]
    assert said["timestamp"] == "2026-08-01T12:00:00.394457Z"
    assert {name: said[name] for name in RECORD if name != "timestamp"} == {
        name: RECORD[name] for name in RECORD if name != "timestamp"
    }


def test_a_record_is_kept_as_it_was_answered(anybody):
    said = log(anybody, extra_data=None, message='ä \\ "').json()
    assert anybody.get("/api/logs/").json() == [said]
    assert anybody.get(f"/api/logs/{said['id']}/").json() == said
    missing = anybody.get("/api/logs/99/")
    assert (missing.status_code, missing.json()) == (
        404, {"detail": "No AppLog matches the given query."},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("level", 999, '"999" is not a valid choice.'),
        ("level", True, '"True" is not a valid choice.'),
        ("message", " ", "This field may not be blank."),
        ("funcname", None, "This field may not be null."),
        ("app_name", "a" * 101, "Ensure this field has no more than 100 characters."),
        ("thread", 2**63, f"Ensure this value is less than or equal to {2**63 - 1}."),
        ("extra_data", [1], 'Expected a dictionary of items but got type "list".'),
    ],
)
def test_a_bad_record_is_400_and_says_why(anybody, field, value, text):
    answer = log(anybody, **{field: value})
    assert (answer.status_code, answer.json()) == (400, {field: [text]})


def test_all_but_the_level_and_the_extra_data_are_required(anybody):
    answer = anybody.post("/api/logs/", json={})
    assert answer.status_code == 400
    assert set(answer.json()) == set(RECORD) - {"level", "extra_data"}
    left = {name: RECORD[name] for name in RECORD if name not in {"level", "extra_data"}}
    assert anybody.post("/api/logs/", json=left).json()["level"] == 0


def test_records_are_never_changed(anybody):
    key = log(anybody).json()["id"]
    for method in ("PUT", "PATCH", "DELETE"):
        assert anybody.request(method, f"/api/logs/{key}/").status_code == 405


def test_records_are_filtered(anybody):
    log(anybody)
    log(anybody, instance_name="b", level=40, levelname="ERROR", timestamp="2026-08-02T00:00:00Z")
    for query, number in {
        "instance_name=b": 1, "app_name=base_agent": 2, "level=40": 1, "levelname=INFO": 1,
        "start_time=2026-08-01T13:00:00Z": 1, "end_time=2026-08-01T13:00:00Z": 1,
        "start_time=2026-08-01T15:00:00+02:00": 1,
    }.items():  # fmt: skip
        assert len(anybody.get(f"/api/logs/?{query}").json()) == number, query
    refused = anybody.get("/api/logs/?start_time=yesterday")
    assert (refused.status_code, set(refused.json())) == (400, {"start_time"})


def test_a_burst_is_stored_whole(anybody, database):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: log(anybody, lineno=number), range(200)))
    ids = {each.json()["lineno"]: each.json()["id"] for each in answers}
    with transaction(database.ops_engine) as session:
        stored = {row.lineno: row.id for row in session.scalars(select(AppLog))}
    assert stored == ids
    assert len(ids) == 200


# ------------------------------------------------------------------ bounds


def test_more_than_is_taken_in_a_second_is_429(anybody, monkeypatch):
    monkeypatch.setattr(Rate, "admits", lambda _: False)
    answer = log(anybody)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json() == {"detail": "more than 1000 log records in a second"}


def test_a_record_that_is_too_large_is_413(anybody):
    answer = log(anybody, message="x" * 20_000)
    assert (answer.status_code, answer.json()) == (413, {"body": ["is larger than 16384 bytes"]})


def test_the_newest_records_are_kept(database, monkeypatch):
    monkeypatch.setattr(logs, "_TRIMMED_EACH", 10)
    for _ in range(3):  # 1 to 6, 7 to 12, 13 to 18
        logs.add(database.web_engine, [RECORD] * 6, keep=5)
    with transaction(database.ops_engine) as session:
        assert session.scalars(select(AppLog.id).order_by(AppLog.id)).all() == [*range(8, 19)]


# ------------------------------------------------------------------ summary


def test_the_summary_counts_levels_and_shows_the_newest_errors(anybody):
    log(anybody)
    for number in range(7):
        log(anybody, level=40, levelname="ERROR", lineno=number, instance_name="b",
            timestamp=f"2026-08-01T12:00:0{number}Z")  # fmt: skip
    said = anybody.get("/api/logs/summary/").json()["base_agent"]
    assert said[RECORD["instance_name"]] == {"error_counts": {"INFO": 1}, "recent_errors": []}
    assert said["b"]["error_counts"] == {"ERROR": 7}
    assert [each["lineno"] for each in said["b"]["recent_errors"]] == [6, 5, 4, 3, 2]
    assert set(said["b"]["recent_errors"][0]) == {
        "timestamp", "levelname", "message", "module", "funcname", "lineno",
    }  # fmt: skip
