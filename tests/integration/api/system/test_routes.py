"""The state of the system over REST: parts, agents, queues, messages set aside, events."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.common.database import now, transaction
from flows.common.models import PartKind
from flows.messages import repository
from tests.support import requests
from tests.support.system import (
    announce,
    beat,
    connect_bridge,
    hear_agent,
    put_aside,
    silence,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def engine(database):
    return database.ops_engine


def system(api):
    answer = api.get("/api/system/")
    assert answer.status_code == 200, answer.text
    return answer.json()


def part(api, kind):
    return next(each for each in system(api)["parts"] if each["kind"] == kind)


def test_an_empty_system_says_that_no_worker_was_heard(api):
    found = system(api)
    assert (found["state"], found["parts"], found["agents"]) == ("away", [], [])
    assert found["text"].startswith("The worker was never heard")
    assert found["queues"]["unpublished"] is None


def test_each_part_is_said_with_its_condition(api, engine):
    beat(engine, PartKind.WORKER)
    beat(engine, PartKind.RELAY, prefect_answers=False)
    connect_bridge(engine, "broker_away", "connection refused")
    found = {each["kind"]: each for each in system(api)["parts"]}
    assert {kind: each["condition"] for kind, each in found.items()} == {
        "worker": "ready", "relay": "Prefect away", "bridge": "broker away",
    }  # fmt: skip
    assert found["bridge"]["reasons"] == ["connection refused"]
    assert found["bridge"]["broker"] == "broker.example.org:61612"
    assert not found["bridge"]["is_good"]


def test_a_bridge_that_is_not_heard_is_away_and_the_sentence_says_so(api, engine):
    for kind in (PartKind.WORKER, PartKind.RELAY):
        beat(engine, kind)
    connect_bridge(engine)
    assert system(api)["state"] == "good"
    silence(engine, PartKind.BRIDGE)
    found = system(api)
    assert found["state"] == "away"
    assert "The bridge to the message bus is away, last heard at" in found["text"]
    assert part(api, "bridge")["condition"] == "away"


def test_edits_in_prefect_are_what_the_workers_said_each_once(api, engine):
    edit = {"deployment": "prune_history", "part": "schedule", "now": "0 3 * * *",
            "declared": "30 3 * * *"}  # fmt: skip
    beat(engine, PartKind.WORKER, edits=[edit, {"of another": "version"}])
    beat(engine, PartKind.WORKER, "other@there", edits=[edit])
    assert api.get("/api/system/").json()["edits"] == [edit]
    page = api.get("/system/").text
    assert 'id="edits"' in page
    assert "0 3 * * *" in page


def test_the_state_of_credentials_is_what_the_worker_said(api, engine):
    expired = (now() - timedelta(hours=1)).isoformat()
    row = {"kind": "x509 proxy", "not_after": expired, "problem": None, "is_renewed": False}
    beat(engine, PartKind.WORKER, credentials=[row, {"of another": "version"}])
    found = system(api)
    [credential] = found["credentials"]
    assert (credential["kind"], credential["said_by"]) == ("x509 proxy", "worker@here")
    assert "The x509 proxy cannot be used." in found["text"]


def test_an_agent_s_name_in_use_on_two_hosts_is_said(api, engine):
    hear_agent(engine, "data-1", pid=1, hostname="daq01")
    hear_agent(engine, "data-1", pid=2, hostname="daq02")
    found = system(api)
    [agent] = found["agents"]
    assert (agent["conflict"]["pid"], agent["conflict"]["hostname"]) == (1, "daq01")
    assert "1 agent's name is in use on two hosts." in found["text"]


def test_an_agent_that_was_started_anew_is_no_alarm(api, engine):
    for pid in (1, 2):
        hear_agent(engine, "data-1", pid=pid, hostname="daq01")
    found = system(api)
    assert found["agents"][0]["conflict"]["pid"] == 1
    assert "two hosts" not in found["text"]


def test_requests_are_counted_by_action_and_state(api, engine):
    for name in ("a", "b"):
        requests.accept(engine, name)
    [queue] = system(api)["queues"]["requests"]
    assert (queue["action"], queue["state"], queue["count"]) == ("test_action", "queued", 2)
    assert [each["subject"] for each in system(api)["open_requests"]] == ["b", "a"]


def test_only_events_that_the_topic_is_to_get_count_as_unpublished(api, engine):
    with transaction(engine) as session:
        repository.position(session)
        session.commit()
    announce(engine, {"msg_type": "stf_gen"}, {"msg_type": "flow_run_state"})
    assert system(api)["queues"]["unpublished"] == 1
    with transaction(engine) as session:
        repository.advance(session, 1)
        session.commit()
    assert system(api)["queues"]["unpublished"] == 0


def test_an_event_is_said_in_one_line_without_its_envelope(api, engine):
    announce(
        engine,
        {"msg_type": "stf_gen", "namespace": "torre1", "run_id": "7", "sender": "daq",
         "filename": "swf.7.stf", "sequence": 3, "more": {"deep": 1}},
        {"msg_type": "odd", "text": "x" * 1000},
    )  # fmt: skip
    odd, stf = system(api)["events"]
    assert (stf["sender"], stf["run_id"], stf["what"]) == (
        "daq", "7", "filename swf.7.stf, sequence 3",
    )  # fmt: skip
    assert len(odd["what"]) == 240


def test_messages_that_were_set_aside_are_listed_newest_first_and_paged(api, engine):
    put_aside(engine, *(f"body {number}".encode() for number in range(5)))
    first = api.get("/api/system/set-aside/", params={"limit": 2}).json()
    assert [(each["id"], each["begin"]) for each in first] == [(5, "body 4"), (4, "body 3")]
    older = api.get("/api/system/set-aside/", params={"before": 4}).json()
    assert [each["id"] for each in older] == [3, 2, 1]


def test_a_message_is_shown_whole_or_as_what_was_kept_of_it(api, engine):
    put_aside(engine, b"\xff\x00" + b"a" * 5000)
    put_aside(engine, b"b" * (1 << 17), is_too_large=True)
    whole, cut = (api.get(f"/api/system/set-aside/{key}/").json() for key in (1, 2))
    assert whole["body"] == "\ufffd\ufffd" + "a" * 5000
    assert (whole["is_whole"], len(whole["begin"])) == (True, 600)
    assert (cut["is_whole"], cut["size_bytes"], len(cut["body"])) == (False, 1 << 17, 1 << 16)


def test_a_message_that_is_not_there_is_404(api):
    answer = api.get("/api/system/set-aside/1/")
    assert (answer.status_code, answer.json()["detail"]) == (404, "no message 1 was set aside")
