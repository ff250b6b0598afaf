"""`python -m blocks.notification_channel.hand_over`: hands one message over, and says how it went.

A process of its own: it can be killed while an outside client hangs, and its sockets are guarded.
It reads an order as JSON, and writes lines of JSON: each HTTP request, or that the message is being
handed over otherwise, and what became of it.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from blocks.notification_channel import guard
from blocks.notification_channel.errors import (
    ChannelRefused,
    ChannelUnavailable,
    ChannelUnknown,
    RecipientPutOff,
    RecipientRefused,
)

_OUTCOMES: Final = {  # the first that fits
    RecipientRefused: "recipient_refused",
    RecipientPutOff: "recipient_put_off",
    ChannelRefused: "refused",
    ChannelUnavailable: "unavailable",
    ChannelUnknown: "unknown",
}


def main() -> None:
    """Hand the message of standard input over."""
    order = json.load(sys.stdin)
    logging.disable(logging.CRITICAL)  # clients log the URL, with its secrets
    try:
        _hand_over(order)
    except (ChannelRefused, ChannelUnavailable, ChannelUnknown) as error:
        kind = next(name for each, name in _OUTCOMES.items() if isinstance(error, each))
        _say(outcome=kind, error=str(error))
    else:
        _say(outcome="sent")


def _hand_over(order: Mapping[str, Any]) -> None:
    if not order["is_local_allowed"]:
        guard.guard_sockets()
    guard.forbid_redirects()
    parts = urlsplit(order["url"])
    if not order["is_local_allowed"] and guard.has_proxies() and parts.hostname:
        guard.require_target(parts.hostname)
    try:
        send = _KINDS[order["kind"]]
    except KeyError:
        raise ChannelRefused(f"there is no kind of channel {order['kind']!r}") from None
    send(order)


def _limit(seconds: float) -> None:
    """End this process in so many seconds, whatever it does then."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _say(**said: str) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


# ------------------------------------------------------------------ chat servers, and Apprise


def _through_slack(order: Mapping[str, Any]) -> None:
    from prefect.blocks.notifications import SlackWebhook  # noqa: PLC0415 - a second of imports

    if not order["url"].startswith("https://"):
        raise ChannelRefused(
            "the URL must be https://hooks.slack.com/services/…, as Slack gives it"
        )
    _notify(lambda: SlackWebhook(url=order["url"]), order, order["markdown"])


def _through_mattermost(order: Mapping[str, Any]) -> None:
    from prefect.blocks.notifications import MattermostWebhook  # noqa: PLC0415

    parts = urlsplit(order["url"])
    before, hooks, token = parts.path.rpartition("/hooks/")
    if parts.scheme not in {"https", "http"} or not hooks or not token or not parts.hostname:
        raise ChannelRefused("the URL must be https://HOST/hooks/TOKEN, as Mattermost gives it")
    host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    channels = parse_qs(parts.query).get("channel")

    def block() -> Any:
        return MattermostWebhook(
            hostname=host, port=port, secure=parts.scheme == "https", token=token.strip("/"),
            path=before or None, channels=channels,
        )  # fmt: skip

    _notify(block, order, order["markdown"])


def _through_apprise(order: Mapping[str, Any]) -> None:
    from prefect.blocks.notifications import AppriseNotificationBlock  # noqa: PLC0415

    _notify(lambda: AppriseNotificationBlock(url=order["url"]), order)


def _notify(
    make_block: Callable[[], Any], order: Mapping[str, Any], body: str | None = None
) -> None:
    """Send through one of Prefect's notification blocks, and say what came of it.

    Args:
        make_block: Makes the block.
        order: The order.
        body: What is sent, without a title; None: what suits the service that the URL names.
    """
    from prefect.blocks.abstract import NotificationError  # noqa: PLC0415

    from blocks.notification_channel.apprise_service import only_service, text_for  # noqa: PLC0415
    from blocks.notification_channel.exchange import Exchange  # noqa: PLC0415

    try:
        block = make_block()
    except (ValueError, TypeError):  # their texts show the URL
        raise ChannelRefused("the URL is none that this kind of channel can use") from None
    client = block._apprise_client  # noqa: SLF001 - nothing public gives it
    service = only_service(client, is_local_allowed=order["is_local_allowed"])
    title = ""
    if body is None:
        title, _, body = text_for(service, order).partition("\n")
    with Exchange(
        requesting=lambda: _say(step="requesting"), handing_over=lambda: _say(step="handing_over")
    ) as exchange:
        _limit(order["seconds"])
        try:
            with block.raise_on_failure():
                block.notify(body or title, title)
        except NotificationError:
            exchange.judge()


# ------------------------------------------------------------------ mail


def _through_mail(order: Mapping[str, Any]) -> None:
    """Mail through the relay of `mail://[USER:PASSWORD@]HOST[:PORT]?from=…[&to=…][&starttls=yes]`.

    Source of what may become of a mail: decision 0040.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    from blocks.notification import (  # noqa: PLC0415
        DeliveryUnknown,
        Mail,
        MailRelay,
        RelayUnavailable,
    )
    from blocks.notification.delivery import deliver  # noqa: PLC0415
    from blocks.notification.errors import (  # noqa: PLC0415
        MailRefused,
        RecipientsPutOff,
        RecipientsRefused,
    )
    from blocks.notification.message import on_the_wire  # noqa: PLC0415

    parts, given = urlsplit(order["url"]), parse_qs(urlsplit(order["url"]).query)
    recipients = [order["address"]] if order["address"] else given.get("to", [])
    starttls = given.get("starttls", ["no"])[0] == "yes"
    try:
        relay = MailRelay(
            host=parts.hostname or "", port=parts.port or (587 if starttls else 25),
            sender=given.get("from", [""])[0], recipients=recipients, starttls=starttls,
            username=unquote(parts.username) if parts.username else None,
            timeout_seconds=order["seconds"],
        )  # fmt: skip
    except (ValidationError, ValueError):
        raise ChannelRefused(
            "the URL must be mail://HOST:PORT?from=ADDRESS&to=ADDRESS, with a sender and a "
            "recipient"
        ) from None
    mail = Mail(order["title"], order["plain"] + "\n", key=order["key"])
    _limit(2 * relay.timeout_seconds)  # the relay's own limits are for the connection, then for all
    message = on_the_wire(mail, sender=relay.sender, recipients=relay.recipients)
    try:
        deliver(
            relay, message, password=unquote(parts.password or ""),
            handing_over=lambda: _say(step="handing_over"),
        )  # fmt: skip
    except RecipientsRefused as error:
        raise RecipientRefused(str(error)) from None
    except RecipientsPutOff as error:
        raise RecipientPutOff(str(error)) from None
    except MailRefused as error:
        raise ChannelRefused(str(error)) from None
    except RelayUnavailable as error:
        raise ChannelUnavailable(str(error)) from None
    except DeliveryUnknown as error:
        raise ChannelUnknown(str(error)) from None


_KINDS: Final[dict[str, Callable[[Mapping[str, Any]], None]]] = {
    "slack": _through_slack,
    "mattermost": _through_mattermost,
    "apprise": _through_apprise,
    "mail": _through_mail,
}


if __name__ == "__main__":
    main()
