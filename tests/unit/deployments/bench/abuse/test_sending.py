"""Requests go out as they were made, and whatever comes back is an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from deployments.bench.abuse.callers import Sender
from deployments.bench.abuse.inputs import CREDENTIALS, HOST, LENGTH, HttpInput
from deployments.bench.abuse.operations import Operation
from deployments.bench.abuse.sending import Answer, as_bytes, send

ME = Sender("me", "me", headers=(("Authorization", "Token k"),))
READ = Operation("GET", "/x/")


def made(**more: object) -> HttpInput:
    return HttpInput(**{"kind": "x", "method": "GET", "target": "/x/", "operation": READ} | more)


def test_a_request_has_a_host_a_length_and_its_senders_proof():
    sent = as_bytes(made(body=b"abc"), ME, "h:1", "/swf")
    assert sent == (
        b"GET /swf/x/ HTTP/1.1\r\nHost: h:1\r\nAuthorization: Token k\r\nContent-Length: 3\r\n"
        b"Connection: close\r\n\r\nabc"
    )


def test_it_goes_without_what_it_is_to_be_without():
    given = made(headers=(("Host", "a"), ("Host", "b")), without={HOST, LENGTH, CREDENTIALS})
    lines = as_bytes(given, ME, "h").split(b"\r\n")
    assert lines == [b"GET /x/ HTTP/1.1", b"Host: a", b"Host: b", b"Connection: close", b"", b""]


@pytest.mark.parametrize("target", ["*", "", "http://x/"])
def test_a_target_that_is_no_path_gets_no_prefix(target):
    assert as_bytes(made(target=target), ME, "h", "/p").startswith(f"GET {target} ".encode())


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    def serve() -> None:
        with listener.accept()[0] as connection:
            connection.recv(65536)
            answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def answered(content: bytes) -> Answer:
    with answering(lambda connection: connection.sendall(content)) as url:
        return send(url, ME, made())


def test_an_answer_has_status_headers_and_body():
    answer = answered(b"HTTP/1.1 418 T\r\nA: 1\r\nA: 2\r\nContent-Length: 2\r\n\r\nhi")
    assert answer == Answer(418, (("A", "1"), ("A", "2"), ("Content-Length", "2")), b"hi")
    assert answer.text == "A: 1\nA: 2\nContent-Length: 2\n\nhi"


@pytest.mark.parametrize("content", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 "])
def test_a_connection_that_ends_is_no_answer(content):
    answer = answered(content)
    assert answer.status == 0
    assert answer.problem


def test_of_the_stream_the_first_frame_is_read():
    frame = b"event: connected\n\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    ended = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(head + frame)
        ended.wait(10)

    with answering(answer) as url:
        assert send(url, ME, made()).body == frame
        ended.set()
