"""An event of ours as Prefect's feed has it: its name, its resources, its size."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deployments.relay import feed_event
from deployments.relay.feed_event import FedEvent, as_prefect_has_it
from flows.common import messages

RUN = uuid.UUID(int=7)
EVENT = FedEvent(
    id=12, at=datetime(2026, 11, 29, 12, tzinfo=UTC), msg_type="prodtask_submitted",
    payload={"msg_type": "prodtask_submitted", "task_name": "t.p1", "jedi_task_id": "730",
             "sender_agent": "prodops", "timestamp": "2026-11-29T12:00:00+00:00"},
    request_id=41, flow_run_id=RUN, requested_by="olga", campaign="26.12.0",
)  # fmt: skip


def test_its_resources_are_the_task_and_what_belongs_to_it():
    shown = as_prefect_has_it(EVENT)
    assert shown["event"] == "prodops.prodtask.submitted"
    assert shown["resource"] == {
        "prefect.resource.id": "prodops.task.t.p1", "prefect.resource.name": "t.p1"
    }  # fmt: skip
    assert [each["prefect.resource.id"] for each in shown["related"]] == [
        "prodops.campaign.26.12.0", "prodops.panda_task.730", "prodops.request.41",
        "prodops.requester.olga", f"prefect.flow-run.{RUN}",
    ]  # fmt: skip
    assert all(each["prefect.resource.role"] for each in shown["related"])


def test_it_says_what_the_event_says_without_what_was_added_when_it_was_stored():
    payload = as_prefect_has_it(EVENT)["payload"]
    assert payload["jedi_task_id"] == "730"
    assert "sender_agent" not in payload


@pytest.mark.parametrize(("ok", "ending"), [(True, "completed"), (False, "failed")])
def test_an_outcome_says_in_its_name_how_it_ended(ok, ending):
    swept = {"campaign": "26.12.0", "ok": ok}
    event = replace(EVENT, msg_type="campaign_provenance_ready", payload=swept)
    shown = as_prefect_has_it(event)
    assert shown["event"] == f"prodops.campaign_sweep.{ending}"
    assert shown["resource"]["prefect.resource.id"] == "prodops.campaign.26.12.0"


def test_what_names_nothing_is_about_its_request():
    event = replace(
        EVENT,
        msg_type="rucio_snapshot_ready",
        payload={"ok": True},
        campaign=None,
        flow_run_id=None,
    )
    assert as_prefect_has_it(event)["resource"]["prefect.resource.id"] == "prodops.request.41"


def test_its_id_is_always_the_same_and_that_of_no_other_event():
    ids = [
        EVENT.feed_id, replace(EVENT, id=13).feed_id,
        replace(EVENT, at=EVENT.at + timedelta(seconds=1)).feed_id,
    ]  # fmt: skip
    assert len(set(ids)) == 3
    assert replace(EVENT, payload={}).feed_id == EVENT.feed_id


def test_one_that_says_very_much_is_cut():
    much = {**EVENT.payload, "paths": ["/x" * 100] * 1000, "error": "e" * 100_000}
    payload = as_prefect_has_it(replace(EVENT, payload=much))["payload"]
    assert len(json.dumps(payload)) < feed_event._MOST_BYTES
    assert (payload["task_name"], "paths" in payload) == ("t.p1", False)


def test_no_two_types_of_events_have_the_same_name_and_progress_has_none():
    found = feed_event.names()
    assert len(set(found.values())) == len(found)
    assert "tf_file_registered" not in found
    assert not any("progress" in name for name in found)
    assert found.keys() <= {messages.msg_type_of(each) for each in messages.of_capabilities()}
