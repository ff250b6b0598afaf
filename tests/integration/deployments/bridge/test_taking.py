"""Messages of the bus into the database: each once, a bad one set aside, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, select

from blocks import tracing
from blocks.message_broker.frames import Delivery
from deployments.bridge.service import commands_of
from deployments.bridge.taking import INSTANCE_HEADER, Taker
from flows.common.database import transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.models import Event, Request
from flows.common.settings.bus import BusSettings
from flows.fastmon.models import InboxStf
from flows.messages.models import SeenMessage, SetAsideMessage, SetAsideState
from tests.databases import Database
from tests.trace_receiver import Receiver, trace_receiver
from tests.unit.deployments.bridge.deliveries import QUEUE, delivery

pytestmark = pytest.mark.integration

STF = {"msg_type": "stf_ready", "namespace": "n", "run_id": "100", "sender": "data-agent-1"}


@pytest.fixture
def engine(database: Database) -> Engine:
    return database.engine("ops", pool_size=4)


@pytest.fixture
def taker(engine: Engine) -> Taker:
    return made(engine)


def made(engine: Engine, **configured: Any) -> Taker:
    bus = BusSettings(**configured)
    return Taker(engine, bus, "us", commands_of(bus))


def rows(engine: Engine, model: Any) -> list[Any]:
    with transaction(engine) as session:
        (key,) = model.__table__.primary_key
        return list(session.scalars(select(model).order_by(key)))


def test_a_message_is_stored_as_it_came_and_relayed_enriched(engine: Engine, taker: Taker) -> None:
    body = {"msg_type": "new_word", "namespace": "torre1", "run_id": 7, "sender": "a", "zz": [1]}
    taker.take([delivery(body)])
    [event] = rows(engine, Event)
    assert (event.msg_type, event.namespace, event.run_id) == ("new_word", "torre1", "7")
    assert event.origin == "bus"
    assert {**event.payload, **body} == event.payload
    assert event.payload["sender_agent"] == "a"
    assert event.payload["queue_name"] == "epictopic"


def test_a_heartbeat_look_alike_is_a_message_as_any(engine: Engine, taker: Taker) -> None:
    taker.take([delivery({"msg_type": "x", "agent_name": "a", "status": "registered"})])
    assert [event.msg_type for event in rows(engine, Event)] == ["x"]


def test_stfs_go_on_to_the_inbox_and_sampling_is_asked_for_once(
    engine: Engine, taker: Taker
) -> None:
    taker.take([delivery({**STF, "filename": f"{number}.stf"}) for number in range(20)])
    assert len(rows(engine, InboxStf)) == 20
    [request] = rows(engine, Request)
    assert (request.action, request.source, request.requested_by) == ("sample_stfs", "bus", "bus")


def test_what_is_delivered_again_changes_nothing(engine: Engine, taker: Taker) -> None:
    sent = [delivery({**STF, "filename": f"{number}.stf"}) for number in range(5)]
    taker.take(sent[:3])
    taker.take(sent)
    taker.take([*sent, *sent])
    assert len(rows(engine, Event)) == 5


def test_the_same_words_in_two_messages_are_two_messages(engine: Engine, taker: Taker) -> None:
    taker.take([delivery({"msg_type": "beat"}), delivery({"msg_type": "beat"})])
    assert len(rows(engine, Event)) == 2


def test_a_message_without_an_id_is_recognised_by_its_content(engine: Engine, taker: Taker) -> None:
    for _ in range(2):
        taker.take([delivery({"msg_type": "beat", "at": "12:00"}, message_id="")])
    taker.take([delivery({"msg_type": "beat", "at": "12:01"}, message_id="")])
    assert len(rows(engine, Event)) == 2


def test_our_own_echo_is_ignored_and_another_installations_is_not(
    engine: Engine, taker: Taker
) -> None:
    for instance in ("us", "them"):
        taker.take([delivery({"msg_type": "x"}, headers={INSTANCE_HEADER: instance})])
    assert len(rows(engine, Event)) == 1


def test_a_bad_message_is_set_aside_among_good_ones(engine: Engine, taker: Taker) -> None:
    good = [delivery({**STF, "filename": f"{number}.stf"}) for number in range(4)]
    taker.take([*good[:2], delivery(b"no json"), *good[2:]])
    assert len(rows(engine, InboxStf)) == 4
    [aside] = rows(engine, SetAsideMessage)
    assert (aside.body, aside.state, aside.is_whole) == (b"no json", SetAsideState.OPEN, True)
    assert "is not JSON" in aside.reason


def test_of_a_message_that_is_too_large_the_begin_is_kept(engine: Engine, taker: Taker) -> None:
    taker.take([delivery(b"x" * (10 << 20))])
    [aside] = rows(engine, SetAsideMessage)
    assert (aside.size_bytes, len(aside.body), aside.is_whole) == (10 << 20, 1 << 16, False)
    assert aside.reason == "it is 10,485,760 bytes long; at most 1,048,576 are taken"


def test_an_stf_with_a_bad_size_is_relayed_and_said(engine: Engine, taker: Taker) -> None:
    taker.take([delivery({**STF, "filename": "a.stf", "size_bytes": "big"})])
    assert len(rows(engine, Event)) == 1
    [aside] = rows(engine, SetAsideMessage)
    assert aside.reason.startswith("size_bytes")


def test_what_the_database_cannot_store_alone_is_set_aside_alone(
    engine: Engine, taker: Taker, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = taker._relayed

    def picky(session: Any, messages: Any, at: Any) -> Any:
        if any(each.message.msg_type == "poison" for each in messages):
            raise ValueError("cannot be")
        return relay(session, messages, at)

    monkeypatch.setattr(Taker, "_relayed", lambda _, *given: picky(*given))
    taker.take([delivery({"msg_type": kind}) for kind in ("a", "poison", "b")])
    assert [event.msg_type for event in rows(engine, Event)] == ["a", "b"]
    [aside] = rows(engine, SetAsideMessage)
    assert aside.reason == "it cannot be stored: ValueError: cannot be"


def test_an_outage_stores_nothing_and_marks_nothing_as_taken(
    engine: Engine, taker: Taker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [delivery({"msg_type": "x"})]

    def away(*_: Any) -> Any:
        raise DatabaseUnavailable("it is away")

    with monkeypatch.context() as outage:
        outage.setattr(Taker, "_relayed", away)
        with pytest.raises(DatabaseUnavailable):
            taker.take(sent)
    assert rows(engine, SeenMessage) == []
    taker.take(sent)
    assert len(rows(engine, Event)) == 1


# ------------------------------------------------------------------ the queue of actions


def ask(taker: Taker, **body: Any) -> Delivery:
    sent = delivery({"namespace": "prodops", **body}, QUEUE)
    taker.take([sent])
    return sent


def test_an_action_is_requested_in_the_name_of_whom_the_message_names(
    engine: Engine, taker: Taker
) -> None:
    ask(taker, msg_type="submit_task", task_name="elm", owner="alice", extra=1)
    [request] = rows(engine, Request)
    assert (request.action, request.requested_by) == ("submit_task", "alice")
    assert request.parameters["task_name"] == "elm"
    assert rows(engine, Event) == []


def test_the_peers_form_of_a_fetch_is_taken(engine: Engine, taker: Taker) -> None:
    ask(taker, msg_type="fetch_payload_log", pandaid="5", jeditaskid="6", scope="", lfn="")
    [request] = rows(engine, Request)
    assert request.parameters["pandaid"] == 5


def test_a_request_that_is_delivered_again_is_one_request(engine: Engine, taker: Taker) -> None:
    sent = ask(taker, msg_type="check_pipeline")
    taker.take([sent])
    assert len(rows(engine, Request)) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"msg_type": "no_such"}, "there is no action 'no_such'"),
        ({"msg_type": "submit_task"}, "task_name: Field required"),
        ({"msg_type": "submit_task", "task_name": "a", "namespace": "torre1"}, "namespace"),
        ({"msg_type": "health_ping"}, "reply_to"),
        ({"msg_type": "shutdown"}, "PRODOPS_BUS_ALLOWS_SHUTDOWN"),
        (
            {"msg_type": "panda_task_operation", "new_parameters": {"$ref": "x"}},
            "panda_task_operation",
        ),
    ],
    ids=["unknown", "missing", "foreign", "ping", "shutdown", "evaluated"],
)
def test_what_cannot_be_asked_for_is_set_aside_with_its_reason(
    engine: Engine, taker: Taker, body: dict[str, Any], said: str
) -> None:
    ask(taker, **body)
    [aside] = rows(engine, SetAsideMessage)
    assert said in aside.reason
    assert rows(engine, Request) == []


def test_a_refusal_is_announced_to_whoever_waits(engine: Engine) -> None:
    taker = made(engine, scopes="read")
    ask(taker, msg_type="submit_task", task_name="elm", owner="alice")
    [event] = rows(engine, Event)
    assert event.msg_type == "prodtask_submit_failed"
    assert event.payload["task_name"] == "elm"
    assert "takes the scope request" in event.payload["reason"]
    assert event.origin is None


def test_a_refusal_that_nothing_announces_is_set_aside(engine: Engine) -> None:
    ask(made(engine, scopes="read"), msg_type="prune_history")
    [aside] = rows(engine, SetAsideMessage)
    assert "it was refused: prune_history takes the scope operate" in aside.reason


@pytest.mark.parametrize(
    ("asked", "event"),
    [
        ("submit_evgen_task", "prodtask_submit_failed"),
        ("catalog_import", "catalog_import_ready"),
        ("questionnaire_match_update", "questionnaire_match_ready"),
        ("campaign_progress_refresh", "campaign_progress_ready"),
        ("sync_epicprod_inventory", "epicprod_inventory_ready"),
        ("refresh_system_status", "system_status_ready"),
    ],
)
def test_what_is_not_built_is_answered_with_its_reason(
    engine: Engine, taker: Taker, asked: str, event: str
) -> None:
    ask(taker, msg_type=asked, task_name="elm", source="csv")
    [answer] = rows(engine, Event)
    assert answer.msg_type == event
    assert any(
        "prodops" in str(value) or "/system/" in str(value)
        for name, value in answer.payload.items()
        if name in {"error", "reason"}
    )
    assert (rows(engine, Request), rows(engine, SetAsideMessage)) == ([], [])


# ------------------------------------------------------------------ again


@pytest.fixture
def settle(engine: Engine) -> Callable[[int, SetAsideState], None]:
    from flows.messages import repository  # noqa: PLC0415

    def settled(number: int, state: SetAsideState) -> None:
        with transaction(engine) as session:
            repository.settle(session, number, state, "olga")

    return settled


def test_what_is_retried_is_taken_after_all(
    engine: Engine, settle: Callable[[int, SetAsideState], None]
) -> None:
    ask(made(engine, namespace="other"), msg_type="check_pipeline")
    settle(1, SetAsideState.RETRY)
    made(engine).take_again()
    assert [request.action for request in rows(engine, Request)] == ["check_pipeline"]
    [aside] = rows(engine, SetAsideMessage)
    assert (aside.state, aside.settled_by) == (SetAsideState.RETRIED, "olga")


def test_what_fails_again_is_open_again_with_its_new_reason(
    engine: Engine, taker: Taker, settle: Callable[[int, SetAsideState], None]
) -> None:
    ask(taker, msg_type="submit_task")
    settle(1, SetAsideState.RETRY)
    made(engine, namespace="other").take_again()
    [aside] = rows(engine, SetAsideMessage)
    assert aside.state == SetAsideState.OPEN
    assert "this is 'other'" in aside.reason


def test_what_cannot_be_stored_the_second_time_either_keeps_no_other_from_being_taken(
    engine: Engine, settle: Callable[[int, SetAsideState], None]
) -> None:
    act = commands_of(BusSettings())[QUEUE]

    def picky(session: Any, found: Any) -> Any:
        if found.message.msg_type == "poison":
            raise ValueError("cannot be")
        return act(session, found)

    for kind in ("poison", "check_pipeline"):
        ask(made(engine, namespace="other"), msg_type=kind)
    for number in (1, 2):
        settle(number, SetAsideState.RETRY)
    Taker(engine, BusSettings(), "us", {QUEUE: picky}).take_again()
    states = [(each.state, each.reason) for each in rows(engine, SetAsideMessage)]
    assert states[0] == (SetAsideState.OPEN, "it cannot be stored: ValueError: cannot be")
    assert states[1][0] == SetAsideState.RETRIED
    assert [request.action for request in rows(engine, Request)] == ["check_pipeline"]


def test_a_dropped_message_stays_dropped(
    engine: Engine, taker: Taker, settle: Callable[[int, SetAsideState], None]
) -> None:
    ask(taker, msg_type="no_such")
    settle(1, SetAsideState.DROPPED)
    settle(1, SetAsideState.RETRY)
    taker.take_again()
    [aside] = rows(engine, SetAsideMessage)
    assert aside.state == SetAsideState.DROPPED


def test_every_recorded_message_is_stored(engine: Engine, taker: Taker) -> None:
    recorded = _recorded()
    taker.take([delivery(body, destination) for destination, body in recorded])
    stored = [event.payload for event in rows(engine, Event)]
    assert [{**payload, **body} for payload, (_, body) in zip(stored, recorded, strict=True)] == (
        stored
    )
    assert rows(engine, SetAsideMessage) == []


def _recorded() -> list[tuple[str, dict[str, Any]]]:
    from tests.produced import SHARED  # noqa: PLC0415

    path = SHARED.parent / "contracts" / "fixtures" / "mq_messages.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["destination"], line["body"]) for line in lines]


# ------------------------------------------------------------------ traces

TRACES = [f"00-{digit * 32}-{'b' * 16}-01" for digit in "56"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with trace_receiver() as found:
        tracing.start("prodops-bridge", url=found.url, ratio=1.0)
        yield found
        tracing.stop()


def test_messages_of_the_topic_go_on_in_the_traces_that_they_name(
    engine: Engine, taker: Taker, receiver: Receiver
) -> None:
    first, second = ({"traceparent": each} for each in TRACES)
    stf = {**STF, "filename": "1.stf"}
    taker.take([
        delivery({"msg_type": "alone"}), delivery(stf, headers=first),
        delivery({"msg_type": "late", "trace_id": "theirs"}, headers=second),
        delivery({"msg_type": "odd"}, headers={"traceparent": "x"}),
    ])  # fmt: skip
    tracing.stop(5)
    events = {each.msg_type: each.payload.get("trace_id") for each in rows(engine, Event)}
    assert events == {"alone": None, "stf_ready": "5" * 32, "late": "theirs", "odd": None}
    [request] = rows(engine, Request)
    assert request.traceparent.split("-")[1] == "5" * 32
    taken = [each for each in receiver.spans if each.name.startswith("receive")]
    assert [(each.trace_id, each.parent_id) for each in taken] == [
        ("5" * 32, "b" * 16), ("6" * 32, "b" * 16)
    ]  # fmt: skip


def test_without_traces_a_message_that_names_one_is_a_message_as_any(
    engine: Engine, taker: Taker
) -> None:
    taker.take([delivery({"msg_type": "x"}, headers={"traceparent": TRACES[0]})])
    [event] = rows(engine, Event)
    assert "trace_id" not in event.payload
