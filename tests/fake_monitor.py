"""A monitor in a thread: records what it is sent, and plays prepared streams, one a connection."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from blocks.back_off import BackOff
from blocks.monitor_api import MonitorApi


@dataclass
class Stream:
    """What one connection to the stream gets: bytes, then a cut, or silence until the end."""

    chunks: list[bytes] = field(default_factory=list)
    status: int = 200
    content_type: str = "text/event-stream"
    is_held: bool = False


@dataclass
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class FakeMonitor:
    url: str = ""
    streams: list[Stream] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    failing_posts: list[int] = field(default_factory=list)
    before_answer: Callable[[dict[str, Any]], object] = lambda _message: None
    asked: list[Asked] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def connections(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == "/api/messages/stream/"]


def frame(event: str, data: object, number: int | None = None, end: str = "\n") -> bytes:
    numbered = "" if number is None else f"id: {number}{end}"
    return f"{numbered}event: {event}{end}data: {json.dumps(data)}{end}{end}".encode()


def tf_frame(number: int, run: object = "100010", size: object = 2048, end: str = "\n") -> bytes:
    data = {
        "msg_type": "tf_file_registered",
        "tf_filename": f"swf.1_tf_{number:03d}.tf",
        "stf_filename": "swf.1.stf",
        "file_size_bytes": size,
        "run_number": run,
        "status": "registered",
        "timestamp": "2026-01-02T03:04:05",
    }
    return frame("tf_file_registered", data, number, end)


@contextmanager
def fake_monitor(*streams: Stream, **parts: Any) -> Iterator[FakeMonitor]:
    monitor = FakeMonitor(streams=list(streams), **parts)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"monitor": monitor})
    )
    server.daemon_threads = True
    monitor.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield monitor
    finally:
        monitor.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    monitor: FakeMonitor
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._record()
        with self.monitor.lock:
            failing = self.monitor.failing_posts.pop(0) if self.monitor.failing_posts else None
            if failing is None:
                self.monitor.messages.append(message)
        self.monitor.before_answer(message)
        if failing is not None:
            self._answer(failing, {"detail": "not now"})
        else:
            self._answer(
                *self.monitor.answers.get("POST", (201, {"id": len(self.monitor.messages)}))
            )

    def do_GET(self) -> None:
        path = self._record()
        if path != "/api/messages/stream/":
            self._answer(*self.monitor.answers.get(path, (404, {"detail": "Not found."})))
            return
        with self.monitor.lock:
            stream = self.monitor.streams.pop(0) if self.monitor.streams else Stream(is_held=True)
        if stream.status != 200:
            self._answer(stream.status, {"detail": "Invalid token."})
        else:
            self._play(stream)

    def _record(self) -> str:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.monitor.lock:
            self.monitor.asked.append(Asked(self.command, parts.path, query, headers))
        return parts.path

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _play(self, stream: Stream) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", stream.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in stream.chunks:
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if stream.is_held:
            self.monitor.ended.wait()


SOON = BackOff(first_seconds=0.01, longest_seconds=0.05)


def api_of(monitor: FakeMonitor, **parts: object) -> MonitorApi:
    """A client of the monitor that waits next to nothing between its attempts."""
    return MonitorApi(monitor.url + "/", "key", back_off=SOON, **parts)
