"""`prodops notify test`: one message to a channel, now, with what the other side says."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from flows.common.settings import settings


def send_test(
    name: Annotated[str, typer.Argument(help="Name of the channel.")],
    *,
    address: Annotated[
        str, typer.Option(help="Mail address to write to, where the channel's URL names none.")
    ] = "",
) -> None:
    """Send a test message to a channel; says why where it is not taken."""
    from blocks.notification_channel.delivery import Order  # noqa: PLC0415
    from blocks.notification_channel.url_file import read_url  # noqa: PLC0415
    from deployments.access import ops_session  # noqa: PLC0415
    from deployments.notifier.delivering import hand_over  # noqa: PLC0415
    from deployments.notifier.orders import pages_address  # noqa: PLC0415
    from flows.notifications.repository import channels  # noqa: PLC0415

    with ops_session() as session:
        channel = channels.named(session, name)
        found = channels.url_file(session, channel.id)
    assert found is not None  # noqa: S101 - of the channel that was found
    kind, path = found
    configured = settings().notifications
    text = f"prodops: a test of the channel {name}"
    message = f"{text}\n{pages_address(settings())}/notifications/"
    order = Order(
        kind=kind.value, url=read_url(path), title=text, plain=message, markdown=message,
        key=f"prodops.test.{uuid.uuid4().hex}", address=address,
        seconds=configured.timeout_seconds, is_local_allowed=configured.allow_local_addresses,
    )  # fmt: skip
    hand_over(order, settings())
    typer.echo(f"channel {name}: the message was taken")
