"""How far a long run is, as a progress artifact at Prefect.

It is for people: a run that is short gets none, and one whose Prefect is away does without.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import httpx
import structlog
from prefect.context import FlowRunContext

from flows.common import markdown
from flows.common.quick_client import quick_client

_BEGIN_SECONDS: Final = 2.0  # shorter runs pay nothing
_LEAST_SECONDS: Final = 1.0  # between two updates
_WHOLE: Final = 100.0

_log = structlog.get_logger("run")


@dataclass
class ProgressArtifact:
    """The progress of one run: made when it has taken a while, updated once a second at most.

    Attributes:
        key: Its key at Prefect.
    """

    key: str
    _shown_at: float = field(
        default_factory=lambda: time.monotonic() + _BEGIN_SECONDS - _LEAST_SECONDS
    )
    _id: UUID | None = None
    _is_given_up: bool = False

    def show(self, done: float, total: float, text: str) -> None:
        """Show how much of the total is done, unless something was shown just now."""
        is_due = time.monotonic() - self._shown_at >= _LEAST_SECONDS
        if is_due and total > 0 and not self._is_given_up:
            self._write(min(_WHOLE, max(0.0, _WHOLE * done / total)), text)

    def complete(self) -> None:
        """Show that all is done, where anything was shown."""
        if self._id is not None and not self._is_given_up:
            self._write(_WHOLE, "completed")

    def _write(self, percent: float, text: str) -> None:
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:  # called without Prefect
            return
        body = {"data": round(percent, 1), "description": markdown.escaped(text)}
        try:
            self._send(body, context.flow_run.id)
        except (httpx.HTTPError, RuntimeError) as error:
            # Each further try would hold the run up for as long.
            self._is_given_up = True
            _log.warning("the run's progress is no longer shown", reason=str(error)[:200])
        self._shown_at = time.monotonic()

    def _send(self, body: dict[str, Any], flow_run_id: UUID) -> None:
        with quick_client() as client:
            if self._id is not None:
                client.request("PATCH", "/artifacts/{id}", path_params={"id": self._id}, json=body)
                return
            made = {"key": self.key, "type": "progress", "flow_run_id": str(flow_run_id)} | body
            self._id = UUID(client.request("POST", "/artifacts/", json=made).json()["id"])
