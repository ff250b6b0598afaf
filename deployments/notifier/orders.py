"""A notification's row as an order to its channel."""

from __future__ import annotations

from blocks.notification_channel.delivery import Order
from deployments.stack.environment import api_url
from flows.common.settings import Settings
from flows.notifications.domain import pages, texts
from flows.notifications.domain.texts import Message, Told
from flows.notifications.domain.words import ChannelKind
from flows.notifications.models import Notification


def pages_address(settings: Settings) -> str:
    """The address that messages link below."""
    return settings.notifications.monitor_url or api_url(settings)


def order_of(row: Notification, *, kind: ChannelKind, url: str, settings: Settings) -> Order:
    """The order to deliver a notification.

    Args:
        row: The notification.
        kind: Kind of the channel that it goes through.
        url: The URL of that channel, with its secrets.
        settings: The settings.
    """
    message = message_of(row, base_url=pages_address(settings))
    return Order(
        kind=kind.value,
        url=url,
        title=message.title,
        plain=message.plain,
        markdown=_markup(message, kind),
        key=f"prodops.notification.{row.id}",
        address=row.address or "",
        seconds=settings.notifications.timeout_seconds,
        is_local_allowed=settings.notifications.allow_local_addresses,
    )


def message_of(row: Notification, *, base_url: str) -> Message:
    """The message of a notification's row."""
    is_summary = row.what is None
    body = dict(row.body)
    if is_summary:
        link = pages.held(row.id)
        body["links"] = [{"text": link.text, "href": link.path}]
    told = Told(
        name=row.name, outcome=str(row.outcome), subject=row.subject,
        title=row.title, body=body, is_summary=is_summary,
    )  # fmt: skip
    return texts.message_of(told, base_url=base_url)


def _markup(message: Message, kind: ChannelKind) -> str:
    match kind:
        case ChannelKind.SLACK:
            return message.slack
        case ChannelKind.APPRISE:
            return message.quoted
        case _:
            return message.markdown
