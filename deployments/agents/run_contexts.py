"""What the fast-processing agent knows of each run, until the run's late data have come."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Final

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
        slices: How many have been made in this life of the agent.
        ended_at: When it ended, by the monotonic clock.
    """

    execution_id: str | None
    parameters: FastProcessing
    slices: int = 0
    ended_at: float | None = None


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
        found = RunContext(execution_id, self._parameters_of(execution_id))
        with self._lock:
            return self._known.setdefault(run_id, found)

    def count(self, context: RunContext, slices: int) -> None:
        """Count slices of a run."""
        with self._lock:
            context.slices += slices

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
