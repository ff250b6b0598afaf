"""A chat server on loopback: it takes messages, and can be away."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass
class Sink:
    """What the server took, with the time of each; while it is away it answers 503.

    Attributes:
        port: Where it listens.
        taken: The messages that it took: when, by the monotonic clock, and what.
        is_away: Whether it is away.
    """

    port: int = 0
    taken: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    is_away: bool = False

    @classmethod
    @contextmanager
    def listening(cls) -> Iterator[Sink]:
        """A sink that listens meanwhile."""
        sink = cls()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if sink.is_away:
                    self.send_response(HTTPStatus.SERVICE_UNAVAILABLE)
                else:
                    sink.taken.append((time.monotonic(), json.loads(body)))
                    self.send_response(HTTPStatus.OK)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            sink.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield sink
            finally:
                server.shutdown()
                thread.join()
