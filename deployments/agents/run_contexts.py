"""What the fast-processing agent knows of each run, until the run's late data have come."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from deployments.agents.runtime import Runtime
from flows.workflows.domain.configuration import fast_processing_of
from flows.workflows.domain.parameters import FastProcessing

_MOST_RUNS: Final = 64
_DEFAULT: Final = FastProcessing()

_log = logging.getLogger("prodops.agent")


@dataclass
class RunContext:
    """What is known of a run.

    Attributes:
        parameters: By which its TF files are cut.
        stfs: Names of the STFs of which something was sampled.
        slices: Status of each of its slices, by TF file and number.
        ended_at: When it ended, by the monotonic clock.
        said: What was last written of it.
    """

    run_id: str
    execution_id: str | None
    parameters: FastProcessing
    stfs: set[str] = field(default_factory=set)
    slices: dict[tuple[str, int], str] = field(default_factory=dict)
    ended_at: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    said: dict[str, int] = field(default_factory=dict)

    def add(self, row: dict[str, Any]) -> None:
        """Take in a slice, as its row says."""
        self.slices[row["fastmon_file"], int(row["slice_id"])] = str(row["status"])
        if row.get("stf_filename"):
            self.stfs.add(row["stf_filename"])

    def counts(self) -> dict[str, int]:
        """The columns of the run's state that this agent owns: whole numbers, never differences."""
        statuses = list(self.slices.values())
        return {
            "target_worker_count": self.parameters.target_worker_count,
            "stf_samples_received": len(self.stfs),
            "slices_created": len(statuses),
            "slices_queued": statuses.count("queued"),
            "slices_processing": statuses.count("processing"),
            "slices_completed": statuses.count("completed") + statuses.count("done"),
            "slices_failed": statuses.count("failed"),
        }


@dataclass
class RunContexts:
    """The runs' contexts, read from the monitor when they are first needed; threads share it."""

    runtime: Runtime
    _known: dict[str, RunContext] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, run_id: str, execution_id: str | None) -> RunContext:
        """The context of a run; the execution may not be said, where it can be looked up."""
        with self._lock:
            known = self._known.get(run_id)
        if known is not None:
            return known
        execution_id = execution_id or self._execution_of(run_id)
        found = RunContext(run_id, execution_id, self._parameters_of(execution_id))
        for row in self._slices_of(run_id):
            found.add(row)
        with self._lock:
            return self._known.setdefault(run_id, found)

    def publish(self, context: RunContext) -> None:
        """Write the counts into the run's state, where it has one and they are new."""
        ask, api, run_id = self.runtime.ask, self.runtime.api, context.run_id
        with context.lock:  # so that no thread writes what is older than what is there
            counts = context.counts()
            if counts == context.said:
                return
            if ask("show the run's state", lambda: api.row("run-states", run_id)) is not None:
                ask("count the slices", lambda: api.change("run-states", run_id, counts))
                context.said = counts

    def end(self, context: RunContext) -> None:
        """Note that a run has ended; forget those whose late data have had their time.

        What comes even later is looked up again.
        """
        context.ended_at = time.monotonic()
        oldest = time.monotonic() - self.runtime.settings.late_seconds
        with self._lock:
            for run_id, each in list(self._known.items()):
                is_over = each.ended_at is not None and each.ended_at < oldest
                if is_over or len(self._known) > _MOST_RUNS:
                    del self._known[run_id]

    def _slices_of(self, run_id: str) -> list[dict[str, Any]]:
        """The run's slices that are registered, by an earlier life of this agent."""
        ask, api = self.runtime.ask, self.runtime.api
        rows = ask("list the run's slices", lambda: api.rows("tf-slices", run_number=run_id))
        return [row for row in rows if str(row["run_number"]) == run_id]

    def _execution_of(self, run_id: str) -> str | None:
        """The run's execution, as its state names it."""
        ask, api = self.runtime.ask, self.runtime.api
        state = ask("show the run's state", lambda: api.row("run-states", run_id))
        metadata = state.get("metadata") if state else None
        found = metadata.get("execution_id") if isinstance(metadata, dict) else None
        return found if isinstance(found, str) else None

    def _parameters_of(self, execution_id: str | None) -> FastProcessing:
        if execution_id is None:
            return _DEFAULT
        ask, api = self.runtime.ask, self.runtime.api
        row = ask("show the execution", lambda: api.row("workflow-executions", execution_id))
        values = row.get("parameter_values") if row else None
        if not isinstance(values, dict):
            _log.warning("execution %s is not known: slices are cut by default", execution_id)
            return _DEFAULT
        sections = {name: each for name, each in values.items() if isinstance(each, dict)}
        return fast_processing_of(sections)
