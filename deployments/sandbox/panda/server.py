"""The HTTP server: a thread for each connection, and hands on the socket for what goes wrong."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import structlog

from deployments.sandbox.panda.application import Application
from deployments.sandbox.panda.cache import UPLOAD_LIMIT_BYTES
from deployments.sandbox.panda.faults import FaultKind, Reply
from deployments.sandbox.panda.protocol import Answer, Envelope
from deployments.sandbox.panda.requests import Request

HOST = "127.0.0.1"
_POLL_SECONDS = 0.05
_IDLE_SECONDS = 60.0
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)

_log = structlog.get_logger("sandbox-panda")


class Server(ThreadingHTTPServer):
    """Listens on loopback; can stop listening for a while."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, application: Application, port: int) -> None:
        self.application = application
        self._refused_seconds = 0.0
        self._open: set[socket.socket] = set()
        self._reset: set[socket.socket] = set()
        super().__init__((HOST, port), _Handler)

    def run(self) -> None:
        """Serve until `stop`; refused spells included."""
        stopping = self.application.stopping
        try:
            self.serve_forever(_POLL_SECONDS)
            while not stopping.is_set():
                stopping.wait(self._refused_seconds)
                self.socket = socket.socket(self.address_family, self.socket_type)
                self.server_bind()
                self.server_activate()
                self.serve_forever(_POLL_SECONDS)
        finally:
            self.server_close()

    def stop(self) -> None:
        """End `run`, and every connection."""
        self.application.stopping.set()
        self.shutdown()
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # its own thread was faster
                connection.shutdown(socket.SHUT_RDWR)

    def refuse(self, seconds: float) -> None:
        """Accept no connection for so many seconds."""
        self._refused_seconds = seconds
        self.shutdown()
        self.socket.close()

    def reset(self, connection: socket.socket) -> None:
        """Let the connection end in a reset instead of an orderly close."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        self._reset.add(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that it can be ended."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection; one to be reset gets no orderly end first."""
        self._open.discard(request)
        if request in self._reset:
            self._reset.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong; that a client went away is no error."""
        del request, client_address
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            _log.error("a request failed", exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, lets the application answer, delivers."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing: the journal has it."""

    def do_GET(self) -> None:
        """Answer any method alike."""
        body = self._body()
        if body is None:
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self._deliver(self.server.application.handle(request))

    do_POST = do_GET  # noqa: N815 - the base's name
    do_PUT = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815

    def _body(self) -> bytes | None:
        """The body; None where it is too large to be read, which has been answered."""
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdecimal() else UPLOAD_LIMIT_BYTES + 1
        if size > UPLOAD_LIMIT_BYTES:
            self.close_connection = True
            message = f"ERROR: upload failure. Exceeded size limit {size}>{UPLOAD_LIMIT_BYTES}."
            self._send(Envelope(False, message).answer())
            return None
        return self.rfile.read(size)

    def _deliver(self, reply: Reply) -> None:
        fault = reply.fault
        if fault is None:
            self._send(reply.answer)
            return
        self.close_connection = True
        if fault.kind is FaultKind.TRUNCATE:
            self._send(reply.answer, share=0.5)
            return
        if fault.kind is FaultKind.HANG:
            self._wait_for_the_client()
        self.server.reset(self.connection)
        if fault.kind is FaultKind.REFUSE:
            self.server.refuse(fault.seconds)

    def _send(self, answer: Answer, *, share: float = 1.0) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body[: int(len(answer.body) * share)])

    def _wait_for_the_client(self) -> None:
        """Send nothing until the client goes or the server stops."""
        stopping: threading.Event = self.server.application.stopping
        while not stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], _POLL_SECONDS)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return
            if readable:
                stopping.wait(_POLL_SECONDS)
