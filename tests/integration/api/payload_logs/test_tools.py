"""Payload logs by an assistant: had fetched, and read piece by piece."""

from __future__ import annotations

import pytest

from flows.common.settings import settings
from flows.payload_logs.models import LogState
from tests.support.mcp import Assistant
from tests.support.payload_logs.ready import JOB, NO_LOG, Logs, realistic_stdout

pytestmark = pytest.mark.integration


@pytest.fixture
def logs(database, tmp_path, monkeypatch) -> Logs:
    monkeypatch.setenv("SWF_TMP_DIR", str(tmp_path))
    settings.cache_clear()
    return Logs(database, tmp_path)


@pytest.fixture
def assistant(logs, served_api) -> Assistant:
    return Assistant(served_api.url, served_api.token)


def test_a_log_that_is_not_here_is_asked_for_once(assistant, logs):
    first = assistant.ask("fetch_payload_log", pandaid=JOB)
    second = assistant.ask("fetch_payload_log", pandaid=JOB)
    assert (first["queued"], first["phase"]) == (True, "waiting")
    assert first["request_id"] == second["request_id"] == logs.open_request().id


def test_a_log_that_is_waited_for_is_answered_with_its_errors(assistant, logs, monkeypatch):
    assistant.ask("fetch_payload_log", pandaid=JOB)
    logs.finish({"payload.stdout": realistic_stdout(100), "pilotlog.txt": b"pilot\n"})
    answer = assistant.ask("fetch_payload_log", pandaid=JOB, wait_seconds=10)
    assert (answer["phase"], answer["queued"]) == ("ready", False)
    assert [each["name"] for each in answer["members"]] == ["payload.stdout", "pilotlog.txt"]
    assert answer["last_errors"][-1]["text"] == "payload finished with exit code: 65"


def test_a_fetch_that_fails_while_it_is_waited_for_says_why(assistant, logs):
    asked = assistant.ask("fetch_payload_log", pandaid=JOB)
    logs.fail(NO_LOG, state=LogState.NO_LOG)
    answer = assistant.ask("get_request", request_id=asked["request_id"], wait_seconds=10)
    assert (answer["state"], answer["error"]) == ("failed", NO_LOG)


def test_a_member_is_read_from_its_end_and_on_by_offset(assistant, logs):
    logs.put({"payload.stdout": b"0123456789", "payload.stderr": "é".encode()})
    end = assistant.ask("read_payload_log", pandaid=JOB, length=4)
    assert (end["member"], end["text"], end["next_offset"]) == ("payload.stdout", "6789", None)
    piece = assistant.ask("read_payload_log", pandaid=JOB, offset=2, length=3)
    assert (piece["text"], piece["next_offset"], piece["size_bytes"]) == ("234", 5, 10)
    beyond = assistant.ask("read_payload_log", pandaid=JOB, offset=99)
    assert (beyond["text"], beyond["next_offset"]) == ("", None)


def test_what_cannot_be_read_says_what_can(assistant, logs):
    refusal = assistant.refusal("read_payload_log", pandaid=JOB)
    assert refusal == f"The log of job {JOB} is not here; fetch_payload_log fetches it."
    logs.put({"payload.stdout": b"x"})
    refusal = assistant.refusal("read_payload_log", pandaid=JOB, member="../../etc/passwd")
    assert "it has: payload.stdout" in refusal
    assert "length" in assistant.refusal("read_payload_log", pandaid=JOB, length=10**9)
