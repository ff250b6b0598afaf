"""Messages through the REST door: stored, relayed, queued or set aside; refused with the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from flows.common.database import transaction
from flows.common.models import Event, Request
from flows.common.settings import settings
from flows.fastmon.models import InboxState, InboxStf
from tests.cases import same
from tests.databases import Database

pytestmark = pytest.mark.integration

_FIXTURES = Path(__file__).parents[5] / "shared/contracts/fixtures"


def stf(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "msg_type": "stf_ready",
        "namespace": "ns",
        "run_id": "100",
        "filename": f"swf.100.{number:06d}.stf",
        "sequence": number,
        **fields,
    }


def send(api: httpx.Client, body: Any) -> httpx.Response:
    return api.post("/api/messages/", json=body)


def inbox(database: Database) -> list[InboxStf]:
    with transaction(database.ops_engine) as session:
        return list(session.scalars(select(InboxStf).order_by(InboxStf.id)))


def open_requests(database: Database) -> list[Request]:
    with transaction(database.ops_engine) as session:
        return list(session.scalars(select(Request)))


def test_an_stf_is_relayed_queued_and_opens_one_request(
    api: httpx.Client, database: Database
) -> None:
    for number in (1, 2, 3):
        answer = send(api, stf(number))
        assert (answer.status_code, answer.json()["outcome"]) == (201, "accepted")
    assert [row.state for row in inbox(database)] == [InboxState.WAITING] * 3
    requests = open_requests(database)
    assert [(row.action, row.parameters) for row in requests] == [
        ("sample_stfs", {"namespace": "ns"})
    ]


def test_a_redelivery_changes_nothing(api: httpx.Client, database: Database) -> None:
    assert send(api, stf()).json()["outcome"] == "accepted"
    assert send(api, stf(size_bytes=5)).json()["outcome"] == "repeated"
    (row,) = inbox(database)
    assert row.size_bytes is None


def test_a_foreign_file_name_is_set_aside_with_its_owner(
    api: httpx.Client, database: Database
) -> None:
    send(api, stf())
    answer = send(api, stf(namespace="other")).json()
    assert answer["outcome"] == "set_aside"
    assert "'ns'" in answer["reason"]
    assert {row.namespace: row.state for row in inbox(database)} == {
        "ns": InboxState.WAITING,
        "other": InboxState.SET_ASIDE,
    }


def test_a_run_that_is_no_integer_is_relayed_and_its_stf_set_aside(
    api: httpx.Client, database: Database
) -> None:
    answer = send(api, stf(run_id="test-run-001")).json()
    assert answer["outcome"] == "set_aside"
    assert "test-run-001" in answer["reason"]
    assert open_requests(database) == []


def test_sequence_1_is_the_first_of_its_run(api: httpx.Client, database: Database) -> None:
    for number in (1, 2):
        send(api, stf(number))
    assert [row.is_first for row in inbox(database)] == [True, False]


def test_without_sequence_1_the_first_accepted_is_the_first(
    api: httpx.Client, database: Database
) -> None:
    for number in (5, 6):
        send(api, stf(number, sequence=None))
    assert [row.is_first for row in inbox(database)] == [True, False]


def test_data_ready_is_the_old_name_of_stf_ready(api: httpx.Client, database: Database) -> None:
    assert send(api, stf(msg_type="data_ready")).json()["outcome"] == "accepted"


def test_an_unserved_namespace_is_relayed_not_sampled_and_counted(
    api: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODOPS_FASTMON_NAMESPACES", "alpha,beta")
    settings.cache_clear()
    answer = send(api, stf())
    assert answer.status_code == 201
    assert answer.json()["reason"] == "namespace 'ns' is not served"
    assert [row.state for row in inbox(database)] == [InboxState.SET_ASIDE]


def test_an_stf_without_a_name_is_looked_up_by_its_run(
    api: httpx.Client, database: Database
) -> None:
    run = api.post("/api/runs/", json={"run_number": 100, "start_time": "2026-01-01T00:00:00Z"})
    api.post("/api/stf-files/", json={"run": run.json()["run_id"], "stf_filename": "a.stf"})
    assert send(api, stf(filename=None)).json()["outcome"] == "accepted"
    assert [row.stf_filename for row in inbox(database)] == ["a.stf"]


@pytest.mark.parametrize(
    ("raw", "field"),
    same(
        (b"{", "body"),
        (b"[1]", "body"),
        (b'{"msg_type": NaN}', "body"),
        (b"[" * 100_000, "body"),
        (b'{"a": 1}', "msg_type"),
        (b'{"msg_type": 5}', "msg_type"),
        (b'{"msg_type": {}}', "msg_type"),
        (b'{"msg_type": ["stf_ready"]}', "msg_type"),
        (b'{"msg_type": null}', "msg_type"),
        (b'{"msg_type": "a b"}', "msg_type"),
        (b'{"msg_type": "x", "namespace": ["y"]}', "namespace"),
        (b'{"msg_type": "x", "run_id": 1.5}', "run_id"),
        (b'{"msg_type": "x", "note": "a\\u0000b"}', "note"),
        (b'{"msg_type": "x", "namespace": "\\ud800"}', "namespace"),
        (json.dumps(stf(filename="a/b.stf")).encode(), "filename"),
        (json.dumps(stf(filename="x" * 256)).encode(), "filename"),
        (json.dumps(stf(filename="a\x00.stf")).encode(), "filename"),
        (json.dumps(stf(size_bytes=-1)).encode(), "size_bytes"),
        (json.dumps(stf(size_bytes="5")).encode(), "size_bytes"),
        (json.dumps(stf(tf_count=-7)).encode(), "tf_count"),
        (json.dumps(stf(sequence=-1)).encode(), "sequence"),
    ),
)
def test_a_bad_message_is_refused_by_its_field_and_not_stored(
    api: httpx.Client, database: Database, raw: bytes, field: str
) -> None:
    answer = api.post("/api/messages/", content=raw)
    assert answer.status_code == 400
    assert field in answer.text
    with transaction(database.ops_engine) as session:
        assert session.scalar(select(Event.id)) is None
    assert inbox(database) == []


def test_a_body_above_the_limit_is_refused(api: httpx.Client) -> None:
    answer = send(api, {"msg_type": "x", "pad": "y" * (1 << 20)})
    assert (answer.status_code, list(answer.json())) == (413, ["body"])


def test_a_chunked_body_above_the_limit_is_refused(api: httpx.Client) -> None:
    answer = api.post("/api/messages/", content=iter([b"x" * (1 << 19)] * 3))
    assert answer.status_code == 413


def test_without_a_token_401_names_the_scheme(api: httpx.Client) -> None:
    answer = api.post("/api/messages/", json=stf(), headers={"Authorization": "Token nonsense"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Token"


@pytest.mark.skipif(not _FIXTURES.exists(), reason="the captured messages are not beside us")
def test_every_captured_message_goes_through(api: httpx.Client, database: Database) -> None:
    lines = (_FIXTURES / "mq_messages.jsonl").read_text().splitlines()
    bodies = [json.loads(line)["body"] for line in lines]
    outcomes = {}
    for body in bodies:
        answer = send(api, body)
        assert answer.status_code == 201, answer.text
        outcomes[body["msg_type"], body.get("filename")] = answer.json()["outcome"]
    assert outcomes["stf_ready", "swf.100012.000001.stf"] == "accepted"
    assert outcomes["stf_ready", "test_file_001.dat"] == "set_aside"
    others = [what for key, what in outcomes.items() if key[0] != "stf_ready"]
    assert set(others) == {"relayed"}
    with transaction(database.ops_engine) as session:
        stored = list(session.scalars(select(Event).order_by(Event.id)))
    assert [event.msg_type for event in stored] == [body["msg_type"] for body in bodies]
    for event, body in zip(stored, bodies, strict=True):
        assert {key: event.payload[key] for key in body} == body
