"""A PCS that speaks the original's contract and nothing more: task, command, record, set-status.

It has no attempts of its own, no `record-status/` and no `associate/` (ops contract section 2.6).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class OriginalPcs:
    """The tasks, and what was asked."""

    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    recorded: list[tuple[str, int, str | None]] = field(default_factory=list)
    url: str = ""

    def add(self, name: str, composed_name: str) -> None:
        self.tasks[name] = {
            "id": len(self.tasks) + 1,
            "name": name,
            "composed_name": composed_name,
            "status": "ready",
            "panda_task_id": None,
            "created_by": "owner",
        }

    def command(self, name: str) -> str:
        composed = self.tasks[name]["composed_name"]
        return (
            f"prun \\\n  --exec true \\\n  --outDS {composed} \\\n  --official \\\n"
            "  --prodSourceLabel test \\\n  --vo wlcg \\\n  --nJobs 1 \\\n  --noBuild"
        )

    def record(self, name: str, jedi_task_id: int, user: str | None) -> tuple[int, dict[str, Any]]:
        task = self.tasks[name]
        if task["panda_task_id"] not in {None, jedi_task_id}:
            return 409, {"detail": f"Already submitted as jediTaskID {task['panda_task_id']}."}
        self.recorded.append((name, jedi_task_id, user))
        task["panda_task_id"], task["status"] = jedi_task_id, "submitted"
        return 200, task


class _Handler(BaseHTTPRequestHandler):
    pcs: OriginalPcs

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        words = parts.path.removeprefix("/pcs/api/prod-tasks/").strip("/")
        if words == "command" and query["fmt"] == ["panda"]:
            self._answer(200, self.pcs.command(query["name"][0]), "text/plain")
        elif words == "command":
            self._answer(200, json.dumps({"effective_config": {"data": {}}}))
        elif not words:
            self._answer(200, json.dumps(list(self.pcs.tasks.values())))
        elif (task := self.pcs.tasks.get(unquote(words))) is not None:
            self._answer(200, json.dumps(task))
        else:
            self._answer(404, json.dumps({"detail": f"No task '{words}'"}))

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = parts.path.removeprefix("/pcs/api/prod-tasks/").strip("/").split("/")
        user = self.headers.get("X-Remote-User")
        if words == ["record-submission"]:
            name = parse_qs(parts.query)["name"][0]
            status, answer = self.pcs.record(name, body["jedi_task_id"], user)
            self._answer(status, json.dumps(answer))
        elif words[-1] == "set-status":
            task = self.pcs.tasks[unquote(words[0])]
            task["status"] = body["status"]
            self._answer(200, json.dumps(task))
        else:
            self._answer(405, json.dumps({"detail": f'Method "POST" not allowed: {words}'}))

    def _answer(self, status: int, text: str, kind: str = "application/json") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def original_pcs() -> Iterator[OriginalPcs]:
    """An original on loopback."""
    pcs = OriginalPcs()
    handler = type("Handler", (_Handler,), {"pcs": pcs})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    pcs.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield pcs
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
