"""What comes from and goes to the broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PREFIXES: Final = ("/queue/", "/topic/")
"""A destination says what it is: Artemis routes by it, Classic takes a bare name for a queue."""

_OF_DELIVERY: Final = frozenset({
    "ack", "destination", "message-id", "receipt", "redelivered", "subscription", "timestamp",
    "transaction",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as the broker delivered it.

    Attributes:
        destination: The queue or topic that it was subscribed on.
        message_id: The broker's id of the message; the same when it is delivered again.
        ack_id: What acknowledges this delivery, on the connection that it came by.
        headers: All its headers.
        body: Its body, as it came.
    """

    destination: str
    message_id: str
    ack_id: str
    headers: Mapping[str, str]
    body: bytes

    def own_headers(self) -> dict[str, str]:
        """The headers that its sender gave it, without those of this delivery."""
        return {name: text for name, text in self.headers.items() if name not in _OF_DELIVERY}


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """What is subscribed.

    Attributes:
        destination: `/queue/...` or `/topic/...`.
        durable_name: Under which the broker keeps a topic's messages while we are away.
        prefetch: How many unacknowledged messages the broker sends ahead.
    """

    destination: str
    durable_name: str | None = None
    prefetch: int = 1000

    def headers(self) -> dict[str, str]:
        """Its headers, for Classic and for Artemis: each ignores the other's."""
        headers = {
            "activemq.prefetchSize": str(self.prefetch),
            "consumer-window-size": str(1024 * self.prefetch),
        }
        if self.durable_name is not None:
            headers["activemq.subscriptionName"] = self.durable_name
            headers["durable-subscription-name"] = self.durable_name
        return headers


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """A text message to send."""

    destination: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
