"""A server that takes messages and keeps them, as a chat server does."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Sink:
    """What a server on this machine took, and how it answers.

    Attributes:
        port: Its port.
        paths: Of what it took, in order.
        bodies: Of what it took.
        is_hanging: Whether it answers nothing; of the path /hang it never does.
    """

    port: int = 0
    paths: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    is_hanging: bool = False


@contextmanager
def http_sink() -> Iterator[Sink]:
    """A sink that answers with the status that the path names, else 200."""
    sink, is_over = Sink(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            sink.paths.append(self.path)
            sink.bodies.append(json.loads(body))
            if sink.is_hanging or self.path == "/hang":
                is_over.wait()
            status = self.path.strip("/")
            self.send_response(int(status) if status.isdigit() else 200)
            if status == "302":
                self.send_header("location", f"http://127.0.0.1:{sink.port}/redirected")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sink.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield sink
    finally:
        is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()
