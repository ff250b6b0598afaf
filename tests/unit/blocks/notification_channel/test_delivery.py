"""What it means that a delivery did not come to its end."""

import pytest

from blocks.notification_channel import delivery
from blocks.notification_channel.delivery import Order
from blocks.notification_channel.errors import ChannelUnavailable, ChannelUnknown


@pytest.mark.parametrize(
    ("steps", "is_late", "error"),
    [
        ([], True, ChannelUnavailable),
        ([], False, ChannelUnavailable),
        (["requesting"], True, ChannelUnavailable),
        (["requesting"], False, ChannelUnknown),
        (["handing_over"], True, ChannelUnknown),
    ],
)
def test_what_may_have_been_taken_is_unknown(steps, is_late, error):
    order = Order(kind="apprise", url="x:y", title="", plain="", markdown="", key="k")
    said = [{"step": each} for each in steps]
    assert type(delivery._unfinished(order, said, is_late=is_late)) is error
