"""TF slices, the states of runs, their changes, and workers, over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

TF = "swf.100012.000001_tf_001.tf"
STF = "swf.100012.000001.stf"
SLICE = {"slice_id": 0, "tf_first": 0, "tf_last": 9, "tf_count": 10, "run_number": "100012"}
OLD = SLICE | {"tf_filename": "swf.100012.000001_tf_001_slice_000.tf", "stf_filename": STF}
STATE = {
    "run_number": "100013",
    "phase": "initializing",
    "state": "imminent",
    "substate": "preparing",
    "target_worker_count": 4,
    "state_changed_at": "2026-08-01T12:00:00",
    "metadata": {"execution_id": "e-1", "stf_sampling_rate": 0.05},
}
COLLECTIONS = ["tf-slices", "run-states", "system-state-events", "workers"]


@pytest.fixture
def add(api) -> Callable[..., dict[str, Any]]:
    def adder(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = api.post(f"/api/{path}/", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return adder


@pytest.fixture
def tf(add) -> dict[str, Any]:
    run = add("runs", {"run_number": 100012, "start_time": "2026-08-01T12:00:00Z"})
    add("stf-files", {"run": run["run_id"], "stf_filename": STF})
    return add("fastmon-files", {"stf_file": STF, "tf_filename": TF})


def refused(api: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.post(f"/api/{path}/", json=body)
    assert answer.status_code == 400, answer.text
    return answer.json()


# ------------------------------------------------------------------ TF slices


@pytest.mark.usefixtures("tf")
def test_a_slice_is_answered_in_full(add):
    said = add("tf-slices", SLICE | {"fastmon_file": TF, "metadata": {"created_by": "a"}})
    assert list(said) == [
        "id", "fastmon_file", "slice_id", "tf_first", "tf_last", "tf_count", "run_number",
        "status", "retries", "metadata", "created_at", "updated_at", "assigned_worker",
        "assigned_at", "completed_at", "tf_filename", "stf_filename",
    ]  # fmt: skip
    assert (said["fastmon_file"], said["run_number"], said["status"]) == (TF, 100012, "queued")


@pytest.mark.usefixtures("tf")
def test_the_old_shape_names_the_slice_and_its_tf_file_follows(add, api):
    said = add("tf-slices", OLD)
    assert (said["fastmon_file"], said["stf_filename"]) == (TF, STF)
    wanted = {"tf_filename": OLD["tf_filename"], "slice_id": 0}
    assert api.get("/api/tf-slices/", params=wanted).json() == [said]


@pytest.mark.usefixtures("tf")
def test_a_slice_s_tf_file_has_to_be_there(api):
    assert refused(api, "tf-slices", SLICE) == {"fastmon_file": ["This field is required."]}
    text = "Object with tf_filename=nope.tf does not exist."
    for body in ({"fastmon_file": "nope.tf"}, {"tf_filename": "nope_slice_001.tf"}):
        assert refused(api, "tf-slices", SLICE | body) == {"fastmon_file": [text]}


@pytest.mark.usefixtures("tf")
def test_a_tf_file_has_a_slice_of_a_number_once(add, api):
    add("tf-slices", OLD)
    text = "The fields fastmon_file, slice_id must make a unique set."
    assert refused(api, "tf-slices", OLD) == {"non_field_errors": [text]}


def test_slices_are_filtered(add, api, tf):
    for number in range(3):
        add("tf-slices", SLICE | {"fastmon_file": TF, "slice_id": number})
    for query, number in {
        f"fastmon_file_id={tf['tf_file_id']}": 3, "run_number=100012&slice_id=2": 1,
        f"fastmon_file__tf_filename={TF}": 3, "status=done": 0, "id=1": 1,
        f"fastmon_file__stf_file__stf_filename={STF}": 3, "assigned_worker=w": 0,
    }.items():  # fmt: skip
        assert len(api.get(f"/api/tf-slices/?{query}").json()) == number, query
    bad = api.get("/api/tf-slices/?run_number=x")
    assert (bad.status_code, bad.json()) == (400, {"run_number": ["Enter a number."]})
    page = api.get("/api/tf-slices/?limit=2").json()
    assert (page["count"], len(page["results"])) == (3, 2)


@pytest.mark.usefixtures("tf")
def test_a_slice_changes_and_goes_with_its_tf_file(add, api, tf):
    path = f"/api/tf-slices/{add('tf-slices', OLD)['id']}/"
    done = {"status": "completed", "completed_at": "2026-08-01T12:01:00Z", "retries": 1}
    assert api.patch(path, json=done).json().items() >= done.items()
    assert api.delete(f"/api/fastmon-files/{tf['tf_file_id']}/").status_code == 204
    gone = api.get(path)
    assert (gone.status_code, gone.json()) == (
        404, {"detail": "No TFSlice matches the given query."},
    )  # fmt: skip


# ------------------------------------------------------------------ states of runs


def test_a_run_s_state_is_found_by_its_number(add, api):
    said = add("run-states", STATE)
    assert list(said) == [
        "run_number", "phase", "state", "substate", "target_worker_count",
        "active_worker_count", "stf_samples_received", "slices_created", "slices_queued",
        "slices_processing", "slices_completed", "slices_failed", "state_changed_at",
        "updated_at", "metadata",
    ]  # fmt: skip
    assert (said["run_number"], said["state_changed_at"]) == (100013, "2026-08-01T12:00:00Z")
    assert api.get("/api/run-states/100013/").json() == said
    assert api.get("/api/run-states/?state=imminent").json() == [said]


def test_counters_change_and_metadata_is_merged(add, api):
    add("run-states", STATE)
    sent = {"run_number": 5, "stf_samples_received": 1, "metadata": {"more": 1}}
    said = api.patch("/api/run-states/100013/", json=sent).json()
    assert (said["run_number"], said["stf_samples_received"]) == (100013, 1)
    assert said["metadata"] == STATE["metadata"] | {"more": 1}


def test_a_run_has_one_state(add, api):
    add("run-states", STATE)
    text = "run state with this run number already exists."
    assert refused(api, "run-states", STATE) == {"run_number": [text]}


def test_messages_over_rest_advance_a_run(add, api):
    add("run-states", STATE)
    for kind in ("start_run", "end_run"):
        sent = {"msg_type": kind, "run_id": "100013", "state": "run", "execution_id": "e-2"}
        assert api.post("/api/messages/", json=sent).status_code == 201
    said = api.get("/api/run-states/100013/").json()
    assert (said["phase"], said["state"], said["substate"]) == ("completed", "ended", None)
    assert (said["target_worker_count"], said["metadata"]) == (4, STATE["metadata"])


# ------------------------------------------------------------------ state events and workers

EVENT = {
    "timestamp": "2026-08-01T12:00:00Z", "run_number": 100013, "event_type": "start_run",
    "state": "run", "substate": "physics", "event_data": {"execution_id": "e-1"},
}  # fmt: skip


def test_a_state_event_is_answered_in_full_and_filtered(add, api):
    said = add("system-state-events", EVENT)
    assert said == {"event_id": said["event_id"]} | EVENT
    for query, number in {
        "run_number=100013": 1, "event_type=end_run": 0, "state=run": 1,
        "start_time=2026-08-01T12:00:01Z": 0, "end_time=2026-08-01T12:00:01Z": 1,
    }.items():  # fmt: skip
        assert len(api.get(f"/api/system-state-events/?{query}").json()) == number, query


def test_null_is_no_data_of_an_event(api):
    text = "This field may not be null."
    sent = EVENT | {"event_data": None}
    assert refused(api, "system-state-events", sent) == {"event_data": [text]}


def test_a_worker_is_found_by_its_name(add, api):
    said = add("workers", {"worker_id": "w 1/x", "run_number": 1, "status": "running"})
    assert (said["panda_job"], said["slices_completed"]) == ("", 0)
    named = add("workers", {"worker_id": "w.1", "run_number": 1, "status": "running"})
    assert api.get("/api/workers/w.1/").json() == named
    changed = api.patch("/api/workers/w.1/", json={"worker_id": "x", "status": "ended"}).json()
    assert (changed["worker_id"], changed["status"]) == ("w.1", "ended")
    assert api.delete("/api/workers/w.1/").status_code == 204
    text = "worker with this worker id already exists."
    assert refused(api, "workers", {**said, "tf_filename": None}) == {"worker_id": [text]}


@pytest.mark.parametrize("path", COLLECTIONS)
def test_writing_takes_a_token_and_reading_none(served_api, path):
    with served_api.client(token=None) as client:
        assert client.get(f"/api/{path}/").json() == []
        answer = client.post(f"/api/{path}/", json={})
        text = "Authentication credentials were not provided."
        assert (answer.status_code, answer.json()) == (403, {"detail": text})
        assert client.get(f"/api/{path}/nope/").status_code == 404
