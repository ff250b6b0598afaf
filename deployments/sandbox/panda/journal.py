"""The journal: one line of JSON for every request, without its secrets."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(kw_only=True)
class Entry:
    """One request, and what became of it.

    Attributes:
        at: When it came, UTC, ISO 8601.
        user: userName from the token; None without a good one.
        body_digest: Start of the SHA-256 of the body.
        task_name: The task's name, for requests about one.
        fault: ``<kind>-<when>`` of the fault applied.
        status: HTTP status; None where none was sent.
        answer_id: The task's id in the answer as it was made, whether or not it was sent.
    """

    at: str
    method: str
    path: str
    endpoint: str
    user: str | None = None
    body_digest: str | None = None
    body_bytes: int = 0
    task_name: str | None = None
    fault: str | None = None
    status: int | None = None
    is_success: bool | None = None
    answer_id: int | None = None


def begin(method: str, path: str, endpoint: str, body: bytes) -> Entry:
    """The entry of a request that has just come."""
    return Entry(
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        method=method,
        path=path,
        endpoint=endpoint,
        body_digest=hashlib.sha256(body).hexdigest()[:16] if body else None,
        body_bytes=len(body),
    )


class Journal:
    """A file that only grows; a line is in it before its answer leaves the server."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, entry: Entry) -> None:
        """Append an entry."""
        line = json.dumps(asdict(entry)) + "\n"
        with self._lock, self._path.open("a") as file:
            file.write(line)

    def read(self) -> list[dict[str, Any]]:
        """Every entry, the oldest first."""
        if not self._path.exists():
            return []
        with self._lock:
            lines = self._path.read_text().splitlines()
        return [json.loads(line) for line in lines]
