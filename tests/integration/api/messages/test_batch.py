"""Many messages in one call: each is stored, or refused with the reason, by itself."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from flows.common.database import transaction
from flows.common.models import Event, Request
from flows.fastmon.models import InboxStf
from flows.fastmon.schemas import MOST_OF_A_BATCH
from tests.databases import Database

pytestmark = pytest.mark.integration


def stf(number: int) -> dict[str, Any]:
    return {
        "msg_type": "stf_ready",
        "namespace": "ns",
        "run_id": "100",
        "filename": f"swf.100.{number:06d}.stf",
        "sequence": number,
    }


def send(api: httpx.Client, messages: Any) -> httpx.Response:
    return api.post("/api/messages/batch/", json={"messages": messages})


def test_each_message_of_a_batch_is_relayed_and_its_stf_waits(
    api: httpx.Client, database: Database
) -> None:
    answer = send(api, [stf(1), stf(2), stf(2), {"msg_type": "note"}])
    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [each["outcome"] for each in results] == ["accepted", "accepted", "accepted", "relayed"]
    with transaction(database.ops_engine) as session:
        ids = list(session.scalars(select(Event.id).order_by(Event.id)))
        assert len(list(session.scalars(select(InboxStf)))) == 2
        assert len(list(session.scalars(select(Request)))) == 1
    assert [each["message_id"] for each in results] == ids


def test_a_message_that_is_refused_hinders_no_other(api: httpx.Client, database: Database) -> None:
    nested: list[Any] = []
    answer = send(api, [stf(1), 7, {"namespace": "ns"}, {"msg_type": "a\x00b"}, nested, stf(2)])
    results = answer.json()["results"]
    assert [each["outcome"] for each in results] == ["accepted", None, None, None, None, "accepted"]
    assert results[2]["errors"] == {"msg_type": ["This field is required."]}
    assert results[1]["errors"] == {"body": ["must be a JSON object"]}


@pytest.mark.parametrize("messages", [None, {"msg_type": "note"}, [{}] * (MOST_OF_A_BATCH + 1)])
def test_what_is_no_batch_is_refused_whole(
    api: httpx.Client, database: Database, messages: Any
) -> None:
    answer = send(api, messages)
    assert (answer.status_code, list(answer.json())) == (400, ["messages"])


def test_an_empty_batch_is_stored_at_once(api: httpx.Client, database: Database) -> None:
    assert send(api, []).json() == {"results": []}


def test_whoever_may_not_send_a_message_may_not_send_many(
    api: httpx.Client, database: Database
) -> None:
    headers = {"Authorization": "Token unknown"}
    assert api.post("/api/messages/batch/", json={"messages": []}, headers=headers).status_code in {
        401,
        403,
    }
