"""Messages for an assistant: of a long one, only its begin leaves the database."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from api.agents.queries.messages import BEGIN, IN_BRIEF
from api.http.collections import store

pytestmark = pytest.mark.integration

CONTENT = {"text": "ä" * 100_000}


@pytest.fixture
def messages(api) -> None:
    """One that is only stored, and one that was sent and is kept as an event."""
    content = {"message_content": CONTENT, "namespace": "torre1", "message_type": "stf_gen"}
    sent = {"msg_type": "stf_gen", "namespace": "torre1", **CONTENT}
    for path, body in (("workflow-messages", content), ("messages", sent)):
        answer = api.post(f"/api/{path}/", json=body)
        assert answer.is_success, answer.text


def test_a_list_shows_how_each_begins(assistant, messages):
    found = assistant.ask("list_messages", namespace="torre1")["items"]
    assert len(found) == 2
    for each in found:
        assert (len(each["payload_summary"]), each["message_type"]) == (200, "stf_gen")
        assert '"text": "ää' in each["payload_summary"]


def test_no_more_of_a_content_leaves_the_database(database, messages):
    with Session(database.ops_engine) as session:
        _, rows = store.newest(session, IN_BRIEF, limit=10, offset=0)
    assert [len(row["begin"]) for row in rows] == [BEGIN, BEGIN]
    assert not any("message_content" in row for row in rows)
