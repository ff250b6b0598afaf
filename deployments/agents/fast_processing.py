"""The fast-processing agent: cuts TF files into slices, registers and announces them.

Messages: fast-monitoring contract section 1.8.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blocks.monitor_api.agents import AlreadyThere
from deployments.agents import slicing
from deployments.agents.announcing import Announcer
from deployments.agents.bodies import RunMessage, SliceResult, TfMessage, read
from deployments.agents.run_contexts import RunContext, RunContexts
from deployments.agents.runtime import Handlers, Runtime
from deployments.agents.slicing import Slice
from deployments.agents.transport import Received
from flows.common.database import now
from flows.workflows.domain.parameters import FastProcessing

_log = logging.getLogger("prodops.agent")


@dataclass
class FastProcessingAgent:
    """Makes slices of what is sampled, for workers to process."""

    runtime: Runtime
    agent_type: str = "FAST_PROCESSING"

    def __post_init__(self) -> None:
        self._runs = RunContexts(self.runtime)
        self._slices = Announcer(self.runtime, "slice", key=_name_of)

    @property
    def handlers(self) -> Handlers:
        """What is done with which message."""
        return {
            "run_imminent": self.prepare_run,
            "tf_file_registered": self.slice_in_background,
            "end_run": self.end_run,
            "slice_result": self.note_result,
        }

    def prepare_run(self, received: Received) -> None:
        """Read a run's parameters, say how many workers it wants, and tell the workers."""
        message = read(RunMessage, received.body)
        run = self._runs.of(str(message.run_number), message.execution_id)
        self._runs.publish(run)
        self._tell_workers("run_imminent_worker", received.body, run)

    def slice_in_background(self, received: Received) -> None:
        """Cut a TF file into slices, beside the receiving; several files at a time."""
        message = read(TfMessage, received.body)
        namespace, name = received.body.get("namespace"), message.tf_filename
        self.runtime.in_background(
            f"slicing {name}", lambda: self.slice(message, namespace), key=name
        )

    def slice(self, message: TfMessage, namespace: str | None) -> None:
        """Cut a TF file into slices: each is registered, and then announced, once."""
        run = self._runs.of(str(message.run_number), message.execution_id)
        parts = _cut(message, run.parameters)
        for part in parts:
            if (part.tf_filename, part.slice_id) not in run.slices:
                self._register(part, message.run_number, run)
            self._announce(part, run, namespace)
        self._runs.publish(run)
        _log.info("%s is cut into %d slices", message.tf_filename, len(parts))

    def end_run(self, received: Received) -> None:
        """Note that a run has ended; its data come for a while yet."""
        message = read(RunMessage, received.body)
        run = self._runs.of(str(message.run_number), message.execution_id)
        self._tell_workers("end_run", received.body, run)
        self._runs.end(run)
        _log.info("run %s has ended, with %d slices; more may come", run.run_id, len(run.slices))

    def note_result(self, received: Received) -> None:
        """Note what became of a slice, as its worker says it."""
        result = read(SliceResult, received.body).content
        changed = {
            "status": "completed" if result.state == "done" else "failed",
            "completed_at": now().isoformat(),
            "assigned_worker": result.hostname,
        }
        for row in self._rows_of(result.tf_file):
            if row["slice_id"] == result.slice_id:
                run = self._runs.of(str(row["run_number"]), None)
                run.add(self._change("tf-slices", row["id"], changed))
                self._runs.publish(run)

    # ------------------------------------------------------------------ rows

    def _rows_of(self, tf_filename: str) -> list[dict[str, Any]]:
        """The slices that are registered of a TF file."""
        ask, api = self.runtime.ask, self.runtime.api
        filters = {"fastmon_file__tf_filename": tf_filename}
        rows = ask("list the slices", lambda: api.rows("tf-slices", **filters))
        return [row for row in rows if row.get("fastmon_file") == tf_filename]

    def _register(self, part: Slice, run_number: int, run: RunContext) -> None:
        row = {
            "fastmon_file": part.tf_filename,
            "slice_id": part.slice_id,
            "tf_first": part.first,
            "tf_last": part.last,
            "tf_count": part.tf_count,
            "tf_filename": part.name,
            "stf_filename": part.stf_filename,
            "run_number": run_number,
            "status": "queued",
            "metadata": {"execution_id": run.execution_id, "created_by": self.runtime.name},
        }
        api = self.runtime.api
        try:
            run.add(self.runtime.ask("register the slice", lambda: api.add("tf-slices", row)))
        except AlreadyThere:  # by a call whose answer was lost
            run.add(row)

    def _change(self, collection: str, key: object, values: dict[str, Any]) -> dict[str, Any]:
        ask, api = self.runtime.ask, self.runtime.api
        changed = ask(f"change {collection}", lambda: api.change(collection, key, values))
        return dict(changed)

    # ------------------------------------------------------------------ messages

    def _announce(self, part: Slice, run: RunContext, namespace: str | None) -> None:
        body = slicing.slice_message(part, run.run_id, run.execution_id, now())
        namespace = self.runtime.namespace or namespace
        headers = slicing.headers_of(body, namespace, is_kept=True)
        message = self.runtime.outgoing(
            {**body, "namespace": namespace}, destination=slicing.SLICES, headers=headers
        )
        self._slices.announce(message)

    def _tell_workers(self, msg_type: str, body: Mapping[str, Any], run: RunContext) -> None:
        """Tell the workers what becomes of a run, where a message goes to them alone.

        Where everybody sees every message, a second `end_run` would be taken for the DAQ's.
        """
        transport = self.runtime.transport
        if not transport.has_destinations:
            return
        told = slicing.worker_message(msg_type, body, run.execution_id, run.parameters, now())
        namespace = self.runtime.namespace or body.get("namespace")
        headers = slicing.headers_of(told, namespace, is_kept=False)
        message = self.runtime.outgoing(told, destination=slicing.WORKERS, headers=headers)
        self.runtime.ask(f"take a {msg_type}", lambda: transport.send(message))


def _name_of(body: Mapping[str, Any]) -> object:
    """What a `slice` is about: the slice's name; a message of another form is about nothing."""
    content = body.get("content")
    return content.get("tf_filename") if isinstance(content, dict) else None


def _cut(message: TfMessage, parameters: FastProcessing) -> list[Slice]:
    """The slices of the TF file; none where its message does not say which frames it holds."""
    first, last = message.tf_first or 0, message.tf_last
    if last is None and message.tf_count:
        last = first + message.tf_count - 1
    if last is None or last < first:
        _log.warning("%s is not cut: its frames are not said", message.tf_filename)
        return []
    name, stf = message.tf_filename, message.stf_filename
    return slicing.cut(name, stf, first=first, last=last, parameters=parameters)
