"""The data agent: registers runs and STFs, and says of each STF that it is ready.

Messages: fast-monitoring contract sections 1.5 and 1.6.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from blocks.monitor_api.agents import AlreadyThere
from deployments.agents.announcing import Announcer
from deployments.agents.bodies import RunMessage, StfMessage, read
from deployments.agents.runtime import Handlers, Runtime
from deployments.agents.transport import Received
from flows.common.database import now

_log = logging.getLogger("prodops.agent")


@dataclass
class DataAgent:
    """Registers what a run brings, each thing once, however often it is told."""

    runtime: Runtime
    agent_type: str = "DATA"
    _runs: dict[int, int] = field(default_factory=dict)  # keys of the runs' rows, by number

    def __post_init__(self) -> None:
        self._ready = Announcer(self.runtime, "stf_ready", key=lambda body: body.get("filename"))

    @property
    def handlers(self) -> Handlers:
        """What is done with which message."""
        return {
            "run_imminent": self.register_run,
            "stf_gen": self.register_stf,
            "end_run": self.end_run,
        }

    def register_run(self, received: Received) -> None:
        """Register a run that is about to begin."""
        message = read(RunMessage, received.body)
        conditions = received.body.get("run_conditions")
        self._row_of_run(message.run_number, conditions if isinstance(conditions, dict) else {})

    def register_stf(self, received: Received) -> None:
        """Register an STF, and announce that it is ready."""
        message = read(StfMessage, received.body)
        stf = self._described(message, received.body)
        self._register_stf(message, stf)
        if self._ready.announce(self.runtime.outgoing(stf)):
            self.runtime.stfs += 1
            _log.info("%s is ready", message.filename)

    def end_run(self, received: Received) -> None:
        """Note when a run has ended, unless that is noted."""
        number = read(RunMessage, received.body).run_number
        key = self._row_of_run(number, {})
        row = self._ask("show the run", lambda: self.runtime.api.row("runs", key))
        if row is not None and row.get("end_time") is None:
            end = {"end_time": now().isoformat()}
            self._ask("end the run", lambda: self.runtime.api.change("runs", key, end))
            _log.info("run %d has ended", number)

    def _row_of_run(self, number: int, conditions: dict[str, Any]) -> int:
        """The key of a run's row; the run is registered where it is not yet."""
        if number not in self._runs:
            self._runs[number] = self._found_run(number) or self._registered_run(number, conditions)
        return self._runs[number]

    def _registered_run(self, number: int, conditions: dict[str, Any]) -> int:
        row = {"run_number": number, "start_time": now().isoformat(), "run_conditions": conditions}
        try:
            made = self._ask("register the run", lambda: self.runtime.api.add("runs", row))
        except AlreadyThere:  # by somebody else since the look, or by a call without an answer
            key = self._found_run(number)
            if key is None:
                raise
            return key
        _log.info("run %d is registered", number)
        return int(made["run_id"])

    def _found_run(self, number: int) -> int | None:
        rows = self._ask(
            "list the runs", lambda: self.runtime.api.rows("runs", run_number=str(number))
        )
        # The original monitor ignores the filter.
        return next((int(row["run_id"]) for row in rows if row["run_number"] == number), None)

    def _register_stf(self, message: StfMessage, stf: dict[str, Any]) -> None:
        row = {
            "run": self._row_of_run(message.run_number, {}),
            "stf_filename": message.filename,
            "file_size_bytes": stf["size_bytes"],
            "checksum": stf["checksum"],
            "tf_count": stf["tf_count"],
            "machine_state": message.substate or "physics",
            "daq_state": message.state,
            "daq_substate": message.substate,
            "status": "registered",
            "metadata": {
                "created_by": self.runtime.name,
                "sequence": message.sequence,
                "start": message.start,
                "end": message.end,
                "execution_id": message.execution_id,
            },
        }
        try:
            self._ask("register the STF", lambda: self.runtime.api.add("stf-files", row))
        except AlreadyThere:
            return

    def _described(self, message: StfMessage, body: dict[str, Any]) -> dict[str, Any]:
        """`stf_ready`: what the message says of the STF, else what is configured."""
        configured = self.runtime.settings
        checksum = f"ad:{zlib.adler32(message.filename.encode()):08x}"  # of a simulated file's name
        return {
            "msg_type": "stf_ready",
            "namespace": body.get("namespace"),
            "filename": message.filename,
            "run_id": str(message.run_id),
            "file_url": message.file_url,
            "checksum": message.checksum or checksum,
            "size_bytes": (
                configured.stf_size_bytes if message.size_bytes is None else message.size_bytes
            ),
            "start": message.start,
            "end": message.end,
            "state": message.state,
            "substate": message.substate,
            "sequence": message.sequence,
            "simulation_tick": message.simulation_tick,
            "processed_by": self.runtime.name,
            "tf_count": message.tf_count or configured.tf_count_per_stf,
            "execution_id": message.execution_id,
            "timestamp": now().isoformat(),
        }

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        return self.runtime.ask(what, call)
