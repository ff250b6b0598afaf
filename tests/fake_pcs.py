"""A PCS with its event stream in a thread: tasks as JSON, and events told by the test."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fake_monitor import frame

API = "/pcs/api/prod-tasks/"
STREAM = "/api/messages/stream/"
END = b""


@dataclass
class FakePcs:
    """Tasks and refusals by name; `after_answer` is told name and verb."""

    url: str = ""
    token: str = "good"
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    after_answer: Callable[[str, str], None] = lambda _name, _verb: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    listeners: list[queue.SimpleQueue[bytes]] = field(default_factory=list)

    def add(self, name: str, **fields: Any) -> dict[str, Any]:
        number = len(self.tasks) + 1
        task = {"id": number, "name": name, "composed_name": name, "status": "ready"}
        self.tasks[name] = {**task, "readiness": [], "panda_tasks": [], "request": None, **fields}
        return self.tasks[name]

    def accept(self, name: str) -> dict[str, Any]:
        """What `submit/` does: an attempt and an open request."""
        task = self.tasks[name]
        number = len(task["panda_tasks"]) + 1
        row = {"id": 10 * task["id"] + number, "try_number": number, "task_name": name}
        task["panda_tasks"].append(row)
        task["request"] = {"id": 100 + task["id"], "state": "queued"}
        return task

    def tell(self, event: str, name: str, **data: Any) -> None:
        """Send an event to who listens now."""
        body = {"msg_type": event, "task_name": name, **data}
        for listener in self.listeners:
            listener.put(frame(event, body))


@contextmanager
def fake_pcs() -> Iterator[FakePcs]:
    pcs = FakePcs()
    handler = type("Handler", (_Handler,), {"pcs": pcs})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    pcs.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield pcs
    finally:
        for listener in pcs.listeners:
            listener.put(END)
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    pcs: FakePcs
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path, query = self._read()
        if path == STREAM:
            self._stream()
        elif path == API:
            self._answer(200, list(self.pcs.tasks.values()))
        elif path == f"{API}command/":
            self._answer(200, f"prun --outDS {query['name']}")
        else:
            self._task(unquote(path.removeprefix(API).strip("/")), "")

    def do_POST(self) -> None:
        path, _ = self._read()
        name, _, verb = path.removeprefix(API).strip("/").partition("/")
        self._task(unquote(name), verb)

    def do_PATCH(self) -> None:
        path = urlsplit(self.path).path
        task = self._named(unquote(path.removeprefix(API).strip("/")))
        change = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.pcs.asked.append((self.command, path))
        task.update(change)
        self._answer(200, task)

    def _named(self, key: str) -> dict[str, Any]:
        """The task of that name or number."""
        by_number = {str(task["id"]): task for task in self.pcs.tasks.values()}
        return self.pcs.tasks.get(key) or by_number[key]

    def _read(self) -> tuple[str, dict[str, str]]:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        self.pcs.asked.append((self.command, parts.path))
        return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}

    def _task(self, name: str, verb: str) -> None:
        if verb and self.headers.get("Authorization") != f"Token {self.pcs.token}":
            self._answer(403, {"detail": "Authentication credentials were not provided."})
        elif not verb and name.isdecimal():
            self._answer(200, self._named(name))
        elif name not in self.pcs.tasks:
            self._answer(404, {"detail": f"No task '{name}'"})
        elif verb and name in self.pcs.refusals:
            self._answer(*self.pcs.refusals[name])
        else:
            if verb in {"submit", "rerun-entire-task"}:
                self.pcs.accept(name)
            answer = json.loads(json.dumps(self.pcs.tasks[name]))
            self._answer(200, answer)
            self.pcs.after_answer(name, verb)

    def _answer(self, status: int, body: object) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        kind = "text/plain" if isinstance(body, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        if self.headers.get("Authorization") != f"Token {self.pcs.token}":
            self._answer(401, {"detail": "Authentication credentials were not provided."})
            return
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        mine: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.pcs.listeners.append(mine)
        mine.put(frame("connected", {"status": "connected"}))
        while (chunk := mine.get()) != END:
            try:
                self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
            except OSError:  # it has heard enough
                return
