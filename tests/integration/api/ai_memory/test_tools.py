"""What an assistant keeps of a session, and finds in the next."""

from __future__ import annotations

import pytest

from api.ai_memory import queries

pytestmark = pytest.mark.integration

KEEP, FIND = "swf_record_ai_memory", "swf_get_ai_memory"


def keep(assistant, content, **more):
    said = {"session_id": "s1", "role": "user", "content": content}
    return assistant.ask(KEEP, username="tester", **{**said, **more})


def test_what_was_said_is_found_oldest_first_and_by_its_namespace(assistant):
    kept = keep(assistant, "why?", namespace="torre1")
    assert kept.keys() == {"success", "id", "username", "role", "content_length"}
    keep(assistant, "because", role="assistant", namespace="torre1", project_path="/p")
    keep(assistant, "elsewhere")
    answer = assistant.ask(FIND, username="tester", namespace="torre1")
    found = answer.pop("items")
    assert answer == {
        "count": 2, "username": "tester", "turns_requested": 20, "namespace": "torre1",
    }  # fmt: skip
    assert [(each["role"], each["content"]) for each in found] == [
        ("user", "why?"),
        ("assistant", "because"),
    ]
    assert found[0].keys() == {"role", "content", "created_at", "session_id"}
    newest = assistant.ask(FIND, username="tester", turns=1)["items"]
    assert [each["content"] for each in newest] == ["because", "elsewhere"]
    before = assistant.ask(FIND, username="tester", turns=1, offset=1)["items"]
    assert [each["content"] for each in before] == ["why?"]


def test_nobody_reads_or_writes_what_another_said(assistant):
    assert "named service" in assistant.refusal(FIND, username="olga")
    said = {"session_id": "s1", "role": "user", "content": "x"}
    assert "named service" in assistant.refusal(KEEP, username="olga", **said)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("role", "system"), ("content", ""), ("content", "x" * 50_001), ("session_id", "\0")],
)
def test_what_is_wrong_is_named(assistant, argument, value):
    said = {"session_id": "s1", "role": "user", "content": "x", argument: value}
    assert argument in assistant.refusal(KEEP, username="tester", **said)


def test_of_each_user_only_the_newest_are_kept(assistant, monkeypatch):
    monkeypatch.setattr(queries, "MOST_KEPT", 2)
    for content in "abc":
        keep(assistant, content)
    found = assistant.ask(FIND, username="tester")["items"]
    assert [each["content"] for each in found] == ["b", "c"]
