"""What a client did on the network, and what it means that a message was not taken.

Apprise says only that it went wrong. For a process that does nothing but hand one message over.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final, Self

from blocks.notification_channel.errors import (
    ChannelRefused,
    ChannelUnavailable,
    ChannelUnknown,
)
from blocks.notification_channel.guard import AddressRefused

_PASSING: Final = frozenset({408, 421, 425, 429})
_CONNECTING: Final = ("connect", "connect_ex", "sendto")


class Exchange:
    """Notes what goes out of this process.

    Args:
        requesting: Called before each HTTP request.
        handing_over: Called when something else than HTTP has been connected to.
    """

    def __init__(self, *, requesting: Callable[[], None], handing_over: Callable[[], None]) -> None:
        """An exchange in which nothing was done yet."""
        self._requesting, self._handing_over = requesting, handing_over
        self._is_http = self._is_connected = False
        self._status: int | None = None
        self._error: Exception | None = None
        self._refused: AddressRefused | None = None

    def __enter__(self) -> Self:
        """Begin to note; after the sockets are guarded."""
        import requests  # noqa: PLC0415

        requests.Session.send = self._requested(requests.Session.send)  # type: ignore[method-assign]
        for name in _CONNECTING:
            setattr(socket.socket, name, self._connected(getattr(socket.socket, name)))
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is put back: the process ends."""

    def _requested(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def noted(session: Any, request: Any, **arguments: Any) -> Any:
            # Some ask for a login first: what counts is the last.
            self._is_http, self._status, self._error = True, None, None
            self._requesting()
            try:
                answer = send(session, request, **arguments)
            except Exception as error:
                self._error = error
                raise
            self._status = answer.status_code
            return answer

        return noted

    def _connected(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        def noted(sock: socket.socket, *arguments: Any) -> Any:
            try:
                answer = connect(sock, *arguments)
            except AddressRefused as error:  # which clients swallow
                self._refused = error
                raise
            except BlockingIOError:  # asyncio's, which goes on by itself
                self._note_connected()
                raise
            self._note_connected()
            return answer

        return noted

    def _note_connected(self) -> None:
        if not self._is_http and not self._is_connected:
            self._is_connected = True
            self._handing_over()

    def judge(self) -> None:
        """Raise what it means that the message was not taken.

        Raises:
            ChannelRefused: It is answered so, or the channel leads where none may lead.
            ChannelUnavailable: There is no answer, or one that may be another the next time.
            ChannelUnknown: It may have been taken all the same.
        """
        if self._refused is not None:
            raise self._refused
        if self._status is not None:
            raise _meaning_of(self._status)
        if self._is_connected and not self._is_http:
            raise ChannelUnknown("it was handed over, and the other side did not confirm it")
        name = "" if self._error is None else f" ({type(self._error).__name__})"
        raise ChannelUnavailable(f"the other side does not answer{name}")


def _meaning_of(status: int) -> ChannelRefused | ChannelUnavailable | ChannelUnknown:
    """What an HTTP status means, of an exchange that went wrong."""
    text = f"the other side answers {status}"
    if 200 <= status < 300:  # noqa: PLR2004
        return ChannelUnknown(f"{text}, and not what is expected of one that has taken it")
    if 300 <= status < 400:  # noqa: PLR2004
        return ChannelRefused(f"{text}: it redirects, which is not followed")
    if 400 <= status < 500 and status not in _PASSING:  # noqa: PLR2004
        return ChannelRefused(f"{text}: the channel must be mended")
    return ChannelUnavailable(text)
