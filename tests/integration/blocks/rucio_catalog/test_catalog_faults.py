"""The Rucio adapter against a server that does what a real one does on its bad days."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from blocks.rucio_catalog import RucioAccess, RucioCatalog, RucioUnauthorized
from blocks.rucio_catalog.errors import RucioRefused, RucioUnavailable

pytestmark = pytest.mark.integration

ROW = json.dumps({"scope": "epic", "name": "/a/f", "bytes": 1, "adler32": "1", "parent_name": "/a"})
LIMIT_SECONDS = 1.0
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives a token to everybody, and leaves the rest to the test."""

    protocol_version = "HTTP/1.1"
    server: FaultyRucio

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path.startswith("/auth/"):
            self.say(200, "", {"X-Rucio-Auth-Token": f"token-{len(self.server.asked)}"})
            return
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.answer(self)

    do_POST = do_GET  # noqa: N815 - the base's name

    def say(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def stream(self, *lines: str) -> None:
        """Begin a chunked answer."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-json-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            self.chunk(line)

    def chunk(self, line: str) -> None:
        self.wfile.write(f"{len(line) + 1:x}\r\n{line}\n\r\n".encode())


class FaultyRucio(ThreadingHTTPServer):
    daemon_threads = True
    answer: Answer

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.stopping = threading.Event()

    def handle_error(self, *_: Any) -> None: ...

    @property
    def questions(self) -> list[str]:
        return [path for path in self.asked if not path.startswith("/auth/")]


@pytest.fixture
def server() -> Iterator[FaultyRucio]:
    with FaultyRucio() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.stopping.set()
        made.shutdown()
        thread.join()


@pytest.fixture
def catalog(server: FaultyRucio, tmp_path: Path) -> Iterator[RucioCatalog]:
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o600)
    access = RucioAccess(
        url=f"http://127.0.0.1:{server.server_port}", account="eicread",
        password_file=password, timeout_seconds=LIMIT_SECONDS,
    )  # fmt: skip
    with RucioCatalog(access) as made:
        yield made


def files(catalog: RucioCatalog) -> list[str]:
    return [file.name for file in catalog.files_of("epic", ["/a"])]


def test_a_body_that_breaks_off_is_no_answer_whatever_came_before(server, catalog):
    def answer(request: Handler) -> None:
        request.stream(ROW, ROW)
        request.close_connection = True

    server.answer = answer
    with pytest.raises(RucioUnavailable, match="broke off"):
        files(catalog)
    assert len(server.questions) == 1


def test_a_row_cut_in_the_middle_is_no_answer(server, catalog):
    def answer(request: Handler) -> None:
        request.stream(ROW, ROW[:20])
        request.wfile.write(b"0\r\n\r\n")

    server.answer = answer
    with pytest.raises(RucioUnavailable, match="no JSON"):
        files(catalog)


def test_an_answer_that_trickles_ends_with_the_limit(server, catalog):
    def answer(request: Handler) -> None:
        request.stream()
        while not request.server.stopping.wait(0.05):
            request.chunk(ROW)

    server.answer = answer
    begun = time.monotonic()
    with pytest.raises(RucioUnavailable, match="longer than 1 s"):
        files(catalog)
    assert time.monotonic() - begun < 5 * LIMIT_SECONDS


def test_an_answer_that_falls_silent_ends_with_the_limit_too(server, catalog):
    def answer(request: Handler) -> None:
        request.stream(ROW)
        request.server.stopping.wait(0.9)
        request.chunk(ROW)
        request.server.stopping.wait()

    server.answer = answer
    begun = time.monotonic()
    with pytest.raises(RucioUnavailable, match="longer than 1 s"):
        files(catalog)
    assert time.monotonic() - begun < 1.85 * LIMIT_SECONDS


def test_a_server_that_never_answers_is_waited_for_once(server, catalog):
    server.answer = lambda request: request.server.stopping.wait()
    begun = time.monotonic()
    with pytest.raises(RucioUnavailable, match="no answer"):
        catalog.did("epic", "/a")
    assert time.monotonic() - begun < 5 * LIMIT_SECONDS
    assert len(server.questions) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_server_that_cannot_answer_is_asked_once(server, catalog, status):
    server.answer = lambda request: request.say(status, "<html>later</html>")
    with pytest.raises(RucioUnavailable, match=str(status)):
        files(catalog)
    assert len(server.questions) == 1


def test_no_redirect_is_followed(server, catalog):
    elsewhere = {"Location": "https://elsewhere.example/"}
    server.answer = lambda request: request.say(302, "", elsewhere)
    with pytest.raises(RucioRefused, match=r"redirects to https://elsewhere\.example"):
        files(catalog)


def test_a_page_instead_of_an_answer_is_an_outage(server, catalog):
    server.answer = lambda request: request.say(200, "<html>Sign in</html>")
    for ask in (lambda: files(catalog), lambda: catalog.did("epic", "/a")):
        with pytest.raises(RucioUnavailable):
            ask()


def test_a_token_refused_in_the_middle_is_renewed_and_the_request_repeated_once(server, catalog):
    def answer(request: Handler) -> None:
        if len(request.server.questions) == 1:
            request.say(401, json.dumps({"ExceptionClass": "CannotAuthenticate"}))
            return
        request.stream(ROW)
        request.wfile.write(b"0\r\n\r\n")

    server.answer = answer
    assert files(catalog) == ["/a/f"]
    assert [path.startswith("/auth/") for path in server.asked] == [True, False, True, False]


def test_an_identity_that_is_refused_again_and_again_is_told_so(server, catalog):
    said = {"ExceptionClass": "CannotAuthenticate", "ExceptionMessage": "Cannot authenticate"}
    server.answer = lambda request: request.say(401, json.dumps(said))
    with pytest.raises(RucioUnauthorized, match="Cannot authenticate"):
        files(catalog)
    assert len(server.questions) == 2


def test_a_kept_connection_that_the_server_closed_is_no_outage(server, catalog):
    def answer(request: Handler) -> None:
        request.stream(ROW)
        request.wfile.write(b"0\r\n\r\n")
        request.close_connection = True

    server.answer = answer
    for _ in range(3):
        assert files(catalog) == ["/a/f"]
