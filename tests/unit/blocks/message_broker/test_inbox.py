"""What waits to be taken, in batches."""

from __future__ import annotations

from blocks.message_broker.frames import Delivery
from blocks.message_broker.inbox import Inbox
from tests.unit.deployments.bridge.deliveries import delivery


def test_what_waits_comes_in_order_and_in_bounded_batches() -> None:
    inbox = Inbox(lambda _: False)
    sent = [delivery({"msg_type": "x", "number": number}) for number in range(5)]
    for each in sent:
        inbox.received(each)
    assert inbox.next_batch(3, 0.0) == sent[:3]
    assert inbox.next_batch(3, 0.0) == sent[3:]
    assert inbox.next_batch(3, 0.0) == []


def test_a_control_message_does_not_wait_with_the_others() -> None:
    answered: list[Delivery] = []

    def answer(each: Delivery) -> bool:
        answered.append(each)
        return True

    inbox = Inbox(answer)
    ping = delivery({"msg_type": "health_ping"})
    inbox.received(ping)
    assert (answered, inbox.next_batch(3, 0.0)) == ([ping], [])


def test_a_lost_connection_ends_the_wait_behind_what_came_before() -> None:
    inbox = Inbox(lambda _: False)
    inbox.received(first := delivery({"msg_type": "x"}))
    inbox.lost("the connection broke")
    assert inbox.next_batch(9, 60.0) == [first]
    assert inbox.lost_because == "the connection broke"
