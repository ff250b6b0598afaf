"""A notification block by its name: our mail relay, or any other of Prefect's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, Protocol

import httpx
from prefect.blocks.abstract import NotificationBlock, NotificationError
from prefect.blocks.core import Block
from prefect.exceptions import PrefectHTTPStatusError
from prefect.utilities.asyncutils import run_coro_as_sync

from blocks.notification.errors import BlockMissing, MailRefused, RelayUnavailable
from blocks.notification.message import Mail
from blocks.notification.relay import MailRelay

_OURS: Final = MailRelay.get_block_type_slug()


class Sender(Protocol):
    """Who sends a mail."""

    def send(self, mail: Mail, *, handing_over: Callable[[], None]) -> dict[str, str]:
        """Send it; as :func:`blocks.notification.delivery.deliver`."""


class _Other:
    """Another kind of notification block, which gets subject and body."""

    def __init__(self, block: NotificationBlock) -> None:
        self._block = block

    def send(self, mail: Mail, *, handing_over: Callable[[], None]) -> dict[str, str]:
        handing_over()
        try:
            with self._block.raise_on_failure():
                sent: Any = self._block.notify(mail.body, mail.subject)
                if inspect.iscoroutine(sent):  # as Prefect's may be, wherever they are called
                    run_coro_as_sync(sent)
        except NotificationError as error:
            raise MailRefused(f"the notification was not taken: {error}") from error
        return {}


def load_sender(name: str) -> Sender:
    """The block of that name; without a slash it is a mail relay, else ``<type>/<name>``.

    Raises:
        BlockMissing: Prefect has none of that name, or it sends nothing.
        RelayUnavailable: Prefect's API does not answer.
    """
    full = name if "/" in name else f"{_OURS}/{name}"
    try:
        block: Any = Block.load(full)
    except ValueError as error:  # what Prefect raises of a block that is not there
        raise BlockMissing(f"Prefect has no block {full!r} that can be used: {error}") from error
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        raise RelayUnavailable(f"Prefect does not give the block {full!r}: {error}") from error
    if isinstance(block, MailRelay):
        return block
    if isinstance(block, NotificationBlock):
        return _Other(block)
    raise BlockMissing(f"the block {full!r} sends no notifications")
