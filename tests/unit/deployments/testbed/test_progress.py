"""What is counted of the stream, and what is another run's."""

from __future__ import annotations

from typing import Any

from blocks.monitor_api import StreamEvent
from deployments.testbed.progress import Progress


def heard(progress: Progress, msg_type: str, **data: Any) -> bool:
    return progress.take(StreamEvent(1, msg_type, {"namespace": "torre1", **data}))


def test_what_belongs_to_the_execution_is_counted():
    progress = Progress("torre1", 7)
    own = {"execution_id": "e-1", "run_id": "12"}
    assert heard(progress, "run_imminent", **own)
    assert heard(progress, "stf_gen", **own)
    assert heard(progress, "tf_file_registered", run_number="12")
    assert (progress.execution_id, progress.run_number) == ("e-1", "12")
    assert progress.counts == {"run_imminent": 1, "stf_gen": 1, "tf_file_registered": 1}


def test_what_is_on_record_and_heard_afterwards_is_counted_once():
    progress = Progress("torre1", 7)
    heard(progress, "stf_gen", execution_id="e-1", run_id="12")
    progress.recorded["slice"] = 2
    heard(progress, "slice", execution_id="e-1")
    assert progress.counts == {"stf_gen": 1, "slice": 2}


def test_what_belongs_to_others_is_not():
    progress = Progress("torre1", 7)
    assert not heard(progress, "stf_ready", execution_id="e-0")  # late, of the run before
    heard(progress, "run_imminent", execution_id="e-1", run_id="12")
    assert not heard(progress, "stf_gen", execution_id="e-2", run_id="13")
    assert not heard(progress, "stf_ready", execution_id="e-1", namespace="other")
    assert not heard(progress, "tf_file_registered", run_id="13")
    assert progress.counts == {"run_imminent": 1}


def test_the_end_of_the_requests_own_run_is_worth_a_look():
    progress = Progress("torre1", 7)
    heard(progress, "flow_run_state", request_id=8)
    assert not progress.is_over
    heard(progress, "flow_run_state", request_id=7)
    assert progress.is_over
