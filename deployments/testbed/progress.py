"""What the stream says of one execution of a workflow, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from blocks.monitor_api import StreamEvent

LIFECYCLE: Final = frozenset(
    {"run_imminent", "start_run", "pause_run", "resume_run", "stf_gen", "end_run"}
)
"""What a workflow sends; one runs in a namespace at a time."""
_OF_AGENTS: Final = frozenset({"stf_ready", "processing_complete", "tf_file_registered", "slice"})
STATE: Final = "flow_run_state"
MSG_TYPES: Final = (*sorted(LIFECYCLE | _OF_AGENTS), STATE)
"""What is worth hearing."""


@dataclass
class Progress:
    """What has come of an execution, as far as it was heard.

    Attributes:
        namespace: Where it runs.
        request_id: The request that it is of.
        execution_id: Its id, once it is known.
        run_number: Its run, likewise.
        recorded: How many messages of a type the monitor has on record, where it was asked.
        is_over: Whether Prefect said that a run of the request has ended: it is worth a look.
    """

    namespace: str
    request_id: int
    execution_id: str | None = None
    run_number: str | None = None
    recorded: Counter[str] = field(default_factory=Counter)
    is_over: bool = False
    _heard: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> Counter[str]:
        """How many messages of each type there were: heard, or on record before they are heard."""
        return self._heard | self.recorded

    def take(self, event: StreamEvent) -> bool:
        """Take note of an event; gives whether it is of the execution."""
        data = event.data
        if event.event == STATE:
            self.is_over |= data.get("request_id") == self.request_id
            return False
        if event.event not in MSG_TYPES or data.get("namespace") != self.namespace:
            return False
        if event.event in LIFECYCLE and self.execution_id is None:
            self.execution_id = data.get("execution_id")
            self.run_number = str(data.get("run_id"))
        if not self._is_ours(data):
            return False
        self._heard[event.event] += 1
        return True

    def _is_ours(self, data: dict[str, Any]) -> bool:
        if data.get("execution_id") is not None:
            return bool(data["execution_id"] == self.execution_id)
        run = data.get("run_id", data.get("run_number"))
        return run is not None and str(run) == self.run_number
