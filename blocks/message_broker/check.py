"""The check of a message broker: whether it takes our login."""

from __future__ import annotations

from collections.abc import Iterator

from blocks.checks import Check, of_paths
from blocks.message_broker.configuration import BrokerConfiguration
from blocks.message_broker.connection import BrokerConnection
from blocks.message_broker.inbox import Inbox


def checks(configuration: BrokerConfiguration) -> Iterator[Check]:
    """The checks of the broker and of our login there."""
    yield of_paths(configuration)
    yield Check("connect", lambda: _connect(configuration))


def _connect(configuration: BrokerConfiguration) -> str:
    access = configuration.access()  # without the client id, which the bridge is using
    with BrokerConnection(access, Inbox()):
        login = access.login()
        return f"{access.place} takes {f'the login of {login.user}' if login else 'us unnamed'}"
