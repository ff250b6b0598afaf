"""Whether the broker does its work: a STOMP CONNECT is answered with CONNECTED."""

from __future__ import annotations

import socket
from typing import Final

from blocks.message_broker.errors import BadLogin
from deployments.sandbox.broker.access import HOST, OPS_USER, password
from flows.common.settings import Settings

_TIMEOUT_SECONDS: Final = 2.0
_ANSWER_BYTES: Final = 64 * 1024
_CONNECT: Final = (
    "CONNECT\naccept-version:1.1\nhost:{host}\nlogin:{user}\npasscode:{password}\n\n\0"
)
_DISCONNECT: Final = "DISCONNECT\n\n\0"


def accepts(settings: Settings, user: str = OPS_USER) -> bool:
    """Whether the broker takes a connection of this user; false too where nothing listens."""
    try:
        frame = _CONNECT.format(host=HOST, user=user, password=password(settings, user))
        return _answer(frame, settings.sandbox.broker_port) == "CONNECTED"
    except (BadLogin, OSError):  # the password may not be there yet
        return False


def _answer(frame: str, port: int) -> str:
    """The command of the frame that is sent back; empty where the connection was closed."""
    with socket.create_connection((HOST, port), _TIMEOUT_SECONDS) as connection:
        connection.sendall(frame.encode())
        received = b""
        while b"\n" not in received and (more := connection.recv(_ANSWER_BYTES)):
            received += more
        connection.sendall(_DISCONNECT.encode())  # else the broker logs a lost connection
    return received.partition(b"\n")[0].decode()
