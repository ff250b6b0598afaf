"""The live stream: the original's frames byte for byte, ids, replay, filters, true status."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import text

from flows.common import events
from flows.common.database import transaction
from flows.common.settings import settings
from tests.cases import same
from tests.conftest import ServedApi
from tests.databases import Database
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

_TRANSCRIPT = Path(__file__).parents[5] / "shared/contracts/fixtures/sse_idle_stream.txt"
_CONNECTED = re.compile(
    rb'event: connected\ndata: \{"client_id": "[0-9a-f-]{36}", "status": "connected"\}\n\n'
)
_HEARTBEAT = re.compile(rb'event: heartbeat\ndata: \{"timestamp": \d+\.\d+\}\n\n')


def emit(database: Database, *bodies: dict[str, Any]) -> list[int]:
    with transaction(database.ops_engine) as session:
        return events.commit(session, [events.message_event(body) for body in bodies])


def numbered(first: int, last: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"msg_type": "note", "n": n, **fields} for n in range(first, last + 1)]


@contextmanager
def listening(
    served: ServedApi, *, query: str = "", headers: dict[str, str] | None = None
) -> Iterator[Listener]:
    with served.client() as client:
        url = f"/api/messages/stream/?{query}"
        with client.stream("GET", url, headers=headers or {}) as response:
            yield Listener(response)


class Listener:
    """The bytes of a stream, read as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._bytes = response.iter_raw()
        self.seen = b""

    def until(self, pattern: bytes) -> bytes:
        while not re.search(pattern, self.seen):
            self.seen += next(self._bytes)
        return self.seen

    def numbers(self, last: int) -> list[int]:
        self.until(rb'"n": %d\b' % last)
        return [int(n) for n in re.findall(rb'"n": (\d+)', self.seen)]


def test_frames_are_the_originals_with_an_id(served_api: ServedApi, database: Database) -> None:
    with listening(served_api) as stream:
        stream.until(_CONNECTED.pattern)
        (number,) = emit(database, {"msg_type": "note", "x": "é"})
        text = stream.until(rb"x.*\n\n")
    after = text[_CONNECTED.match(text).end() :]  # type: ignore[union-attr]
    first, second, third, *rest = after.split(b"\n")
    assert first == b"id: %d" % number
    assert second == b"event: note"
    assert third.startswith(b'data: {"msg_type": "note", "x": "\\u00e9", "sender_agent": null')
    assert rest == [b"", b""]


def test_headers_are_the_originals_and_forbid_to_pack(served_api: ServedApi) -> None:
    with listening(served_api) as stream:
        headers = stream.response.headers
        assert headers["content-type"] == "text/event-stream"
        assert headers["cache-control"] == "no-cache, no-transform"
        assert headers["x-accel-buffering"] == "no"
        assert headers["access-control-allow-origin"] == "*"


@pytest.mark.skipif(not _TRANSCRIPT.exists(), reason="the captured stream is not beside us")
def test_an_idle_stream_equals_the_captured_one(
    served_api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line.split(b" ", 1)[1] for line in _TRANSCRIPT.read_bytes().split(b"\n") if line]
    body = b"\n".join(lines[lines.index(b"\r") + 1 :]) + b"\n"
    monkeypatch.setenv("PRODOPS_STREAM_HEARTBEAT_SECONDS", "0.3")
    settings.cache_clear()
    served_api.restart()
    with listening(served_api) as stream:
        ours = stream.until(rb"(?s)heartbeat.*heartbeat.*heartbeat.*\n\n")

    def constant(text: bytes) -> bytes:
        without_ids = re.sub(rb'"[0-9a-f-]{36}"', b'"UUID"', text)
        return re.sub(rb"\d+\.\d+", b"TIME", without_ids)

    assert constant(ours) == constant(body)


def test_heartbeats_come_by_the_clock_also_while_events_flow(
    served_api: ServedApi, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODOPS_STREAM_HEARTBEAT_SECONDS", "0.5")
    settings.cache_clear()
    served_api.restart()
    stop = threading.Event()

    def flow() -> None:
        while not stop.wait(0.05):
            emit(database, {"msg_type": "note"})

    writing = threading.Thread(target=flow)
    writing.start()
    try:
        with listening(served_api) as stream:
            text = stream.until(rb"(?s)heartbeat.*heartbeat")
    finally:
        stop.set()
        writing.join()
    assert _HEARTBEAT.search(text)
    assert text.count(b"event: note") >= 5


@pytest.mark.parametrize("how", ["header", "query"])
def test_a_client_resumes_after_its_last_event(
    served_api: ServedApi, database: Database, how: str
) -> None:
    ids = emit(database, *numbered(1, 10))
    resume = {"headers": {"Last-Event-ID": str(ids[3])}} if how == "header" else {}
    query = f"after={ids[3]}" if how == "query" else ""
    with listening(served_api, query=query, **resume) as stream:
        assert stream.numbers(10) == list(range(5, 11))
        emit(database, *numbered(11, 12))
        assert stream.numbers(12) == list(range(5, 13))


def test_replay_is_filtered_and_reaches_into_the_table_and_into_memory(
    served_api: ServedApi, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODOPS_STREAM_RECENT_EVENTS", "100")
    settings.cache_clear()
    ids = emit(database, *numbered(1, 3000, namespace="a"), *numbered(3001, 3010, namespace="b"))
    served_api.restart()
    with listening(served_api, query=f"after={ids[0] - 1}&namespaces=a") as stream:
        emit(database, *numbered(3011, 3011, namespace="b"), *numbered(3012, 3012, namespace="a"))
        assert stream.numbers(3012) == [*range(1, 3001), 3012]
    with listening(served_api, query=f"after={ids[-1]}") as stream:
        assert stream.numbers(3012) == [3011, 3012]


_UNKNOWN = rb"event: position_unknown\ndata: (\{.*\})\n\n"


@pytest.mark.parametrize("how", same("header", "query"))
@pytest.mark.parametrize("position", ["99999999", "9" * 30, "-5", "1e3", "abc", "1.5", "\u0663"])
def test_a_position_that_is_no_event_of_ours_is_said_and_the_newest_followed(
    served_api: ServedApi, database: Database, how: str, position: str
) -> None:
    newest = emit(database, *numbered(1, 3))[-1]
    headers = {"Last-Event-ID": position.encode()} if how == "header" else {}
    query = urlencode({"after": position}) if how == "query" else ""
    with listening(served_api, query=query, headers=headers) as stream:
        text = stream.until(_UNKNOWN)
        emit(database, *numbered(4, 4))
        assert stream.numbers(4) == [4]
    assert b"id:" not in text
    said = json.loads(re.search(_UNKNOWN, text)[1])  # type: ignore[index]
    assert said["last_event_id"] == newest
    assert "is not known here" in said["reason"]


def test_events_that_were_pruned_are_said_to_who_asks_for_them_and_the_rest_follows(
    served_api: ServedApi, database: Database
) -> None:
    ids = emit(database, *numbered(1, 6))
    with database.ops_engine.begin() as connection:
        connection.execute(text("DELETE FROM event WHERE id < :id"), {"id": ids[3]})
    served_api.restart()  # its memory of the newest events is empty
    with listening(served_api, query=f"after={ids[0]}") as stream:
        said = json.loads(re.search(_UNKNOWN, stream.until(_UNKNOWN))[1])  # type: ignore[index]
        assert stream.numbers(6) == [4, 5, 6]
    assert said["last_event_id"] == ids[3] - 1
    assert f"events {ids[1]} to {ids[3] - 1} are no longer kept" in said["reason"]


def test_a_table_that_is_set_back_is_said_to_who_follows_and_followed(
    served_api: ServedApi, database: Database
) -> None:
    emit(database, *numbered(1, 50))
    with listening(served_api) as stream:
        emit(database, *numbered(51, 51))
        assert stream.numbers(51) == [51]
        with database.ops_engine.begin() as connection:
            connection.execute(text("TRUNCATE event RESTART IDENTITY"))
        stream.until(_UNKNOWN)
        emit(database, *numbered(52, 53))
        assert stream.numbers(53) == [51, 52, 53]


_RESTORED = {"msg_type": "history_restored", "namespace": "prodops"}


@pytest.mark.parametrize("is_in_memory", [True, False])
def test_an_event_that_a_restore_has_lost_is_said_and_what_came_since_follows(
    served_api: ServedApi, database: Database, *, is_in_memory: bool
) -> None:
    """Whatever the filter: who asks for it has got further than the backup."""
    kept = emit(database, *numbered(1, 3))[-1]
    with database.ops_engine.begin() as connection:
        connection.execute(text("ALTER TABLE event ALTER COLUMN id RESTART WITH 1000000"))
    emit(database, _RESTORED | {"last_event_id": kept, "backup_at": "2026-06-01T09:00:00+00:00"})
    emit(database, *numbered(4, 5))
    if not is_in_memory:
        served_api.restart()
    headers = {"Last-Event-ID": str(kept + 7)}
    with listening(served_api, query="msg_types=note", headers=headers) as stream:
        assert stream.numbers(5) == [4, 5]
        said = json.loads(re.search(_UNKNOWN, stream.seen)[1])  # type: ignore[index]
    assert said["last_event_id"] == kept
    assert "restored to its event" in said["reason"]
    with listening(served_api, headers={"Last-Event-ID": str(kept)}) as stream:
        assert stream.numbers(5) == [4, 5]
        assert b"position_unknown" not in stream.seen


def test_a_faster_process_s_event_is_no_unknown_one_and_comes_once(
    served_api: ServedApi, database: Database
) -> None:
    """The position is asked for while the feed may not have read its event yet."""
    with served_api.client() as client:
        for _ in range(5):
            (number,) = emit(database, *numbered(1, 1))
            with client.stream(
                "GET", "/api/messages/stream/", headers={"Last-Event-ID": str(number)}
            ) as response:
                stream = Listener(response)
                emit(database, *numbered(2, 2))
                assert stream.numbers(2) == [2]
                assert b"position_unknown" not in stream.seen


@pytest.mark.parametrize(
    "query",
    ["msg_types=yes,%20other", "agents=yes", "run_ids=7", "namespaces=yes", "subject=yes"],
)
def test_each_filter_lets_only_its_own_through(
    served_api: ServedApi, database: Database, query: str
) -> None:
    wanted = {"msg_type": "yes", "processed_by": "yes", "run_id": 7, "namespace": "yes", "n": 1}
    other = {"msg_type": "no", "processed_by": "no", "run_id": 8, "namespace": "no", "n": 2}
    with listening(served_api, query=query) as stream:
        stream.until(_CONNECTED.pattern)
        with transaction(database.ops_engine) as session:
            events.commit(
                session,
                [
                    events.message_event(other, subject="no"),
                    events.message_event({"msg_type": "bare", "n": 3}),
                    events.message_event(wanted, subject="yes"),
                ],
            )
        assert stream.numbers(1) == [1]


def test_a_client_that_cannot_keep_up_is_cut_off_and_loses_nothing(
    served_api: ServedApi, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRODOPS_STREAM_CLIENT_BUFFER_BYTES", "65536")
    settings.cache_clear()
    served_api.restart()
    with socket.create_connection(("127.0.0.1", served_api.port)) as slow:
        slow.sendall(
            b"GET /api/messages/stream/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            b"Authorization: Token " + served_api.token.encode() + b"\r\n\r\n"
        )
        assert b"connected" in _some(slow)
        for start in range(0, 1000, 20):
            emit(database, *numbered(start, start + 19, pad="x" * 20_000))
        received = _all(slow)
    got = [int(n) for n in re.findall(rb'"n": (\d+)', received)]
    assert got == list(range(len(got))), "in order, none missing"
    assert len(got) < 1000, "cut off, not dropped from the middle"
    last = max(int(n) for n in re.findall(rb"id: (\d+)", received[: received.rfind(b"\n\n")]))
    with listening(served_api, headers={"Last-Event-ID": str(last)}) as stream:
        assert stream.numbers(999)[-1] == 999


def _some(connection: socket.socket) -> bytes:
    text = b""
    while b"\n\n" not in text.partition(b"\r\n\r\n")[2]:
        piece = connection.recv(4096)
        assert piece, text
        text += piece
    return text


def _all(connection: socket.socket) -> bytes:
    connection.settimeout(30)
    text = b""
    while chunk := connection.recv(1 << 16):
        text += chunk
    return text


def test_a_broken_token_gets_401_and_its_words(served_api: ServedApi) -> None:
    for headers in ({}, {"Authorization": "Token nonsense"}, {"Authorization": "Bearer x"}):
        answer = httpx.get(f"{served_api.url}/api/messages/stream/", headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"detail": "Authentication credentials were not provided."}
        assert "www-authenticate" not in answer.headers


def test_a_user_of_a_trusted_proxy_may_listen(
    served_api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"X-Remote-User": "operator"}
    with served_api.client(token=None) as client:
        with client.stream("GET", "/api/messages/stream/", headers=named) as response:
            assert response.status_code == 200
        monkeypatch.setenv("PRODOPS_API_TRUSTED_PROXIES", "192.0.2.1")
        settings.cache_clear()
        served_api.restart()
        assert client.get("/api/messages/stream/", headers=named).status_code == 401


def test_status_tells_who_listens(served_api: ServedApi, api: httpx.Client) -> None:
    with listening(served_api, query="msg_types=a,b") as stream:
        text = stream.until(_CONNECTED.pattern).decode()
        told = api.get("/api/messages/stream/status/", headers={"Accept": "text/event-stream"})
        client_id = json.loads(text.split("data: ", 1)[1].split("\n", 1)[0])["client_id"]
        assert told.json()["connected_clients"] == 1
        assert told.json()["client_ids"] == [client_id]
        assert told.json()["client_filters"] == {client_id: {"msg_types": ["a", "b"]}}
    status = "/api/messages/stream/status/"
    wait_until(lambda: not api.get(status).json()["connected_clients"])
    with served_api.client(token=None) as client:
        assert client.get("/api/messages/stream/status/").status_code == 403
