"""Slices tile a TF file; what is said of each has the keys of the wire."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.agents import slicing
from deployments.agents.bodies import SliceResult, read
from deployments.agents.slicing import cut
from flows.workflows.domain.parameters import FastProcessing

AT = datetime(2026, 1, 2, tzinfo=UTC)
TF = "swf.100012.000001_tf_001.tf"


def parts_of(first: int, last: int, **parameters: int) -> list[slicing.Slice]:
    given = FastProcessing(**parameters)
    return cut(TF, "swf.100012.000001.stf", first=first, last=last, parameters=given)


@given(st.integers(0, 1000), st.integers(1, 500), st.integers(0, 40), st.integers(1, 40))
def test_slices_tile_the_file_without_gap_or_overlap(first, frames, per_slice, per_sample):
    last = first + frames - 1
    parts = parts_of(first, last, num_tf_per_slice=per_slice, slices_per_sample=per_sample)
    assert [each.slice_id for each in parts] == list(range(len(parts)))
    covered = [frame for each in parts for frame in range(each.first, each.last + 1)]
    assert covered == list(range(first, last + 1))
    assert sum(each.tf_count for each in parts) == frames
    if per_slice:
        assert all(each.tf_count == per_slice for each in parts[:-1])
    else:
        assert len(parts) <= per_sample


@pytest.mark.parametrize(
    ("parameters", "counts"),
    [
        ({"num_tf_per_slice": 2}, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1]),
        ({"num_tf_per_slice": 100}, [21]),
        ({"num_tf_per_slice": 0, "slices_per_sample": 3}, [7, 7, 7]),
    ],
)
def test_a_file_is_cut_by_frames_or_into_a_number(parameters, counts):
    assert [each.tf_count for each in parts_of(5, 25, **parameters)] == counts


def test_a_slice_s_message_has_the_keys_of_the_wire_in_their_order():
    part = parts_of(5, 25, num_tf_per_slice=2)[1]
    message = slicing.slice_message(part, "100012", "stf_datataking-x-0001", AT)
    assert list(message) == ["msg_type", "run_id", "created_at", "content"]
    content = message["content"]
    assert list(content) == [
        "run_id", "execution_id", "req_id", "filename", "tf_filename", "slice_id", "start", "end",
        "tf_count", "state", "substate",
    ]  # fmt: skip
    assert content["tf_filename"] == "swf.100012.000001_tf_001_slice_001.tf"
    assert (content["start"], content["end"], content["tf_count"]) == (7, 8, 2)
    assert (content["state"], content["substate"]) == ("queued", "new")
    assert slicing.slice_message(part, "100012", None, AT)["content"]["req_id"] == content["req_id"]


def test_headers_are_what_workers_select_by():
    body = {"msg_type": "slice", "run_id": "100012"}
    assert slicing.headers_of(body, "torre1", is_kept=True) == {
        "persistent": "true", "ttl": "43200000", "vo": "eic", "msg_type": "slice",
        "namespace": "torre1", "run_id": "100012",
    }  # fmt: skip
    assert slicing.headers_of({"msg_type": "end_run"}, None, is_kept=False) == {
        "persistent": "false", "vo": "eic", "msg_type": "end_run", "namespace": "none",
        "run_id": "none",
    }  # fmt: skip


def test_workers_are_told_of_a_run_with_what_they_are_to_be():
    incoming = {"msg_type": "run_imminent", "run_id": 100012, "state": "beam"}
    message = slicing.worker_message(
        "run_imminent_worker", incoming, "x-1", FastProcessing(target_worker_count=3), AT
    )
    assert message["run_id"] == "100012"
    assert message["content"] == {
        **incoming, "execution_id": "x-1", "core_count": 1, "target_worker_count": 3,
        "slice_processing_time": 0.0, "worker_rampup_time": 0.0, "worker_rampdown_time": 0.0,
    }  # fmt: skip


def test_a_worker_s_result_names_its_slice():
    part = parts_of(5, 25, num_tf_per_slice=2)[10]
    body = {"run_id": "100012", "content": {"tf_filename": part.name, "state": "done"}}
    result = read(SliceResult, body).content
    assert (result.tf_file, result.slice_id) == (TF, 10)
