"""Which requests go to the original agent, without a broker."""

from __future__ import annotations

import json

import pytest

from blocks.message_broker.frames import Delivery
from deployments.bridge.passing import Passing
from flows.common.settings import BadSetting
from flows.common.settings.bus import BusSettings
from tests.unit.deployments.bridge.deliveries import QUEUE, TOPIC, delivery

THEIRS = "/queue/epicprod.original"


def passing(taken: str | None = None, to: str | None = THEIRS) -> Passing:
    return Passing.of(BusSettings(others_queue=to, taken_requests=taken))


def types_passed(made: Passing, *deliveries: Delivery) -> list[str]:
    return [name for _, name in made.divided(deliveries)[1]]


def request(name: str) -> Delivery:
    return delivery({"msg_type": name}, QUEUE)


def test_without_a_queue_of_theirs_everything_is_ours() -> None:
    made = passing(to=None)
    asked = [request("submit_task"), request("no_such")]
    assert made.divided(asked) == (asked, [])


def test_by_default_what_prodops_does_not_carry_out_is_passed_on() -> None:
    asked = map(request, ["submit_task", "catalog_import", "no_such", "fetch_payload_log"])
    assert types_passed(passing(), *asked) == ["catalog_import", "no_such"]


@pytest.mark.parametrize(
    ("taken", "passed"),
    [("", ["submit_task", "fetch_payload_log"]), ("submit_task", ["fetch_payload_log"])],
)
def test_only_what_is_named_is_ours(taken: str, passed: list[str]) -> None:
    asked = map(request, ["submit_task", "fetch_payload_log"])
    assert types_passed(passing(taken), *asked) == passed


def test_control_messages_and_topics_are_never_passed_on() -> None:
    asked = [*map(request, ["health_ping", "shutdown"]), delivery({"msg_type": "x"}, TOPIC)]
    assert types_passed(passing(""), *asked) == []


@pytest.mark.parametrize("body", [b"no json", b"[]", b"\xff", b"[" * 100_000, b"{}"])
def test_what_cannot_be_read_stays_where_an_operator_sees_it(body: bytes) -> None:
    assert types_passed(passing(""), delivery(body, QUEUE)) == []


def test_what_our_database_could_not_keep_is_passed_on_all_the_same() -> None:
    body = b'{"msg_type": "theirs", "x": NaN, "y": "\\u0000"}'
    assert types_passed(passing(""), delivery(body, QUEUE)) == ["theirs"]


def test_an_unknown_request_to_take_is_named() -> None:
    with pytest.raises(BadSetting, match="'sumbit_task'"):
        passing("sumbit_task")


@pytest.mark.parametrize(
    ("configured", "reason"),
    [
        ({"taken_requests": "submit_task"}, "needs PRODOPS_BUS_OTHERS_QUEUE"),
        ({"others_queue": QUEUE}, "takes from"),
        ({"others_queue": "/topic/x"}, "must be a queue"),
        ({"others_queue": "bare"}, "must begin with"),
    ],
)
def test_a_queue_that_would_lose_or_circle_is_refused(
    configured: dict[str, str], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        BusSettings(**configured)


def test_what_was_passed_on_is_counted_by_type() -> None:
    made = passing("")
    made.note(["a", "b", "a"])
    assert json.loads(json.dumps(made.describe())) == {
        "passes_on_to": THEIRS,
        "passed_on": {"a": 2, "b": 1},
    }
