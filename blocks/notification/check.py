"""The check of a mail relay: whether it greets us, and takes our login."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.checks import Check
from blocks.notification.delivery import greet
from blocks.notification.relay import MailRelay


def checks(relay: MailRelay) -> Iterator[Check]:
    """The check of the relay; no mail is sent."""
    yield Check("EHLO", lambda: _greeting(relay))


def _greeting(relay: MailRelay) -> str:
    greet(relay, password=relay.password())
    login = f" and the login of {relay.username}" if relay.username is not None else ""
    return f"{relay.host}:{relay.port} takes EHLO{login}"
