"""The service that a URL of Apprise's names: one, made to be asked once, and what it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apprise import Apprise, NotifyBase, NotifyFormat, OverflowMode

from blocks.notification_channel.errors import ChannelRefused
from blocks.notification_channel.guard import AddressRefused

_MAIL: Final = frozenset({"mailto", "mailtos"})
# They hand a message on as data, and render nothing.
_DATA: Final = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
# Apprise's template of a URL without a host: its clients talk to the desktop or the system's log.
_OF_THIS_MACHINE: Final = "{schema}://"


def only_service(client: Apprise, *, is_local_allowed: bool) -> NotifyBase:
    """The service that the client sends to, made to send one request, whose answer counts.

    Raises:
        ChannelRefused: There is none, or more than one recipient; or another kind of channel is
            for it; or it is this machine's.
    """
    services = list(client)
    for each in services:
        # Apprise would ask again by itself, split a message, or say of a failure that it is none.
        each.retry, each.optional, each.overflow_mode = 0, False, OverflowMode.UPSTREAM
    if not services:
        raise ChannelRefused("the URL is none that Apprise knows")
    recipients = max(len(services), sum(len(each) for each in services))
    if recipients > 1:
        # One that fails would be tried again, and the others would get the message each time.
        raise ChannelRefused(
            f"the URL names {recipients} recipients, of which each needs a channel of its own"
        )
    _require_kind(services[0], is_local_allowed=is_local_allowed)
    return services[0]


def _require_kind(service: NotifyBase, *, is_local_allowed: bool) -> None:
    if _schemas(service) & _MAIL:
        raise ChannelRefused(
            "mail takes a channel of the kind mail: mail://HOST:PORT?from=ADDRESS&to=ADDRESS"
        )
    if _OF_THIS_MACHINE in service.templates and not is_local_allowed:
        raise AddressRefused(
            "the channel leads to this machine, which is not allowed "
            "(PRODOPS_NOTIFICATIONS_ALLOW_LOCAL_ADDRESSES)"
        )


def text_for(service: NotifyBase, order: Mapping[str, Any]) -> str:
    """The text that a service is sent: Markdown, as most render it, unless it renders nothing."""
    if _schemas(service) & _DATA:
        return str(order["plain"])
    # Where the service wants HTML, Apprise makes that of it.
    service.asset.body_format = NotifyFormat.MARKDOWN  # type: ignore[assignment]
    return str(order["markdown"])


def _schemas(service: NotifyBase) -> set[str]:
    return set(service.schemas())  # type: ignore[no-untyped-call]
