"""The processing agent: takes note of each STF that is ready, and says that it is processed.

Messages: fast-monitoring contract section 1.8.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from deployments.agents.announcing import Announcer
from deployments.agents.bodies import StfMessage, read
from deployments.agents.runtime import Handlers, Runtime
from deployments.agents.transport import Received
from flows.common.database import now

_DESTINATION: Final = "/queue/monitoring_agent"
_DONE: Final = frozenset({"processed", "done"})
_PROCESSING_MILLISECONDS: Final = 500  # simulated, as the original's

_log = logging.getLogger("prodops.agent")


@dataclass
class ProcessingAgent:
    """Processes STFs, in name: their rows say so afterwards, and so does a message of each."""

    runtime: Runtime
    agent_type: str = "PROCESSING"

    def __post_init__(self) -> None:
        self._complete = Announcer(
            self.runtime, "processing_complete", key=lambda body: body.get("filename")
        )

    @property
    def handlers(self) -> Handlers:
        """What is done with which message; `data_ready` is the older name of `stf_ready`."""
        return {"stf_ready": self.process, "data_ready": self.process}

    def process(self, received: Received) -> None:
        """Process an STF."""
        message = read(StfMessage, received.body)
        self._note_processed(message.filename)
        body = _complete(message, received.body, self.runtime.name)
        if self._complete.announce(self.runtime.outgoing(body, destination=_DESTINATION)):
            self.runtime.stfs += 1
            _log.info("%s is processed", message.filename)

    def _note_processed(self, filename: str) -> None:
        api = self.runtime.api
        rows = self.runtime.ask(
            "list the STF", lambda: api.rows("stf-files", stf_filename=filename)
        )
        row = next((each for each in rows if each["stf_filename"] == filename), None)
        if row is None:
            _log.warning("%s is registered nowhere", filename)
        elif row["status"] not in _DONE:
            said = {"status": "processed", "metadata": {"processed_by": self.runtime.name}}
            self.runtime.ask("note the STF", lambda: api.change("stf-files", row["file_id"], said))


def _complete(message: StfMessage, body: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "msg_type": "processing_complete",
        "namespace": body.get("namespace"),
        "filename": message.filename,
        "run_id": str(message.run_id),
        "input_file_url": message.file_url,
        "input_checksum": message.checksum,
        "input_size_bytes": message.size_bytes,
        "output_files": [],
        "processing_time_ms": _PROCESSING_MILLISECONDS,
        "simulation_tick": message.simulation_tick,
        "processed_by": name,
        "execution_id": message.execution_id,
        "timestamp": now().isoformat(),
    }
