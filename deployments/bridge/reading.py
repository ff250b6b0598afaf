"""What a delivery holds: a message that can be kept, or the reason why it cannot. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blocks.errors import Invalid
from blocks.message_broker.frames import Delivery
from flows.fastmon import schemas
from flows.fastmon.schemas import Message


@dataclass(frozen=True)
class Read:
    """A message of the bus.

    Attributes:
        delivery: How it came.
        body: All that it says.
        message: What is read of it; what is not of its form counts as absent.
        problem: What is wrong with what was left out; empty: nothing.
    """

    delivery: Delivery
    body: dict[str, Any]
    message: Message
    problem: str = ""


class Unusable(Exception):
    """A delivery that is no message; says why."""


def read(delivery: Delivery, *, most_bytes: int) -> Read:
    """The message that was delivered.

    Raises:
        Unusable: It is too large, no JSON object, nested too deep, or has no usable `msg_type`.
    """
    size_bytes = len(delivery.body)
    if size_bytes > most_bytes:
        raise Unusable(f"it is {size_bytes:,} bytes long; at most {most_bytes:,} are taken")
    try:
        body = schemas.decode(delivery.body)
    except Invalid as error:
        raise Unusable(str(error)) from None
    try:
        return Read(delivery, body, schemas.parse(body))
    except Invalid as error:
        if "msg_type" in error.fields:
            raise Unusable(str(error)) from None
        return Read(delivery, body, _without(body, error), str(error))


def _without(body: dict[str, Any], error: Invalid) -> Message:
    """What can be read of a message some of whose fields are not of their form."""
    kept = {name: value for name, value in body.items() if name not in error.fields}
    return Message.model_validate(kept)
