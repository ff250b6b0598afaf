"""What it means that a message was not taken, by what went out of the process."""

from __future__ import annotations

import pytest

from blocks.notification_channel.errors import ChannelRefused, ChannelUnavailable, ChannelUnknown
from blocks.notification_channel.exchange import Exchange
from blocks.notification_channel.guard import AddressRefused


class Answer:
    def __init__(self, status: int) -> None:
        self.status_code = status


@pytest.fixture
def steps() -> list[str]:
    return []


@pytest.fixture
def exchange(steps) -> Exchange:
    return Exchange(
        requesting=lambda: steps.append("requesting"),
        handing_over=lambda: steps.append("handing_over"),
    )


def ask(exchange, answer) -> None:
    def send(_session, _request):
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer)

    exchange._requested(send)(None, None)


def connect(exchange, error: Exception | None = None) -> None:
    def call(_sock, _address):
        if error is not None:
            raise error

    exchange._connected(call)(None, None)


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, ChannelUnknown), (302, ChannelRefused), (404, ChannelRefused),
     (429, ChannelUnavailable), (503, ChannelUnavailable)],
)  # fmt: skip
def test_the_status_says_whether_it_is_tried_again(exchange, status, error):
    ask(exchange, status)
    with pytest.raises(error, match=f"answers {status}"):
        exchange.judge()


def test_the_last_request_counts_as_one_before_it_may_be_a_login(exchange, steps):
    ask(exchange, 200)
    with pytest.raises(TimeoutError):
        ask(exchange, TimeoutError())
    with pytest.raises(ChannelUnavailable, match="TimeoutError"):
        exchange.judge()
    assert steps == ["requesting", "requesting"]


def test_what_was_connected_to_without_http_may_have_taken_it(exchange, steps):
    connect(exchange)
    connect(exchange)
    assert steps == ["handing_over"]
    with pytest.raises(ChannelUnknown):
        exchange.judge()


def test_nothing_was_handed_over_where_no_connection_came_about(exchange, steps):
    with pytest.raises(ConnectionRefusedError):
        connect(exchange, ConnectionRefusedError())
    with pytest.raises(ChannelUnavailable, match="does not answer"):
        exchange.judge()
    assert steps == []


def test_an_address_that_is_refused_is_named_though_the_client_swallows_it(exchange):
    with pytest.raises(AddressRefused):
        connect(exchange, AddressRefused("it leads to 127.0.0.1"))
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        exchange.judge()
