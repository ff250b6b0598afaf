"""What it means that a delivery did not come to its end."""

import pytest

from blocks.notification_channel import delivery
from blocks.notification_channel.delivery import Order
from blocks.notification_channel.errors import ChannelUnavailable, ChannelUnknown


@pytest.mark.parametrize(
    ("kind", "was_begun", "is_late", "error"),
    [
        ("slack", False, True, ChannelUnavailable),
        ("slack", False, False, ChannelUnavailable),
        ("slack", True, True, ChannelUnavailable),
        ("slack", True, False, ChannelUnknown),
        ("mail", True, True, ChannelUnknown),
    ],
)
def test_what_may_have_been_taken_is_unknown(kind, was_begun, is_late, error):
    order = Order(kind=kind, url="x:y", title="", plain="", markdown="", key="k")
    said = [{"step": "handing_over"}] if was_begun else []
    assert type(delivery._unfinished(order, said, is_late=is_late)) is error
