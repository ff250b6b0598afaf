"""The notifications of one process: ready, waiting, stopping, what it does, that its work goes on.

Nothing is said where `NOTIFY_SOCKET` is unset, as under supervisord.
"""

from __future__ import annotations

import functools
import math
import os
import re
import socket
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Final, Self

import structlog

from deployments.service_manager.watchdog import Watchdog

_EXTENSION_SECONDS: Final = 60.0
_EXTENDED_SECONDS: Final = 5.0  # before it is asked for again
_SEND_SECONDS: Final = 1.0  # a service manager that does not read holds no part up
_STATUS_LENGTH: Final = 200
_BLANKS: Final = re.compile(r"[\s\x00]+")

_log = structlog.get_logger("service_manager")


@dataclass
class ServiceManager:
    """Says how this process is.

    Attributes:
        address: Path of a datagram socket, or `@` and the name of an abstract one; None: nobody
            listens.
        watchdog: Tells that the work goes on.
    """

    address: str | None
    watchdog: Watchdog
    _status: str = field(default="", init=False)
    _extended_at: float = field(default=-math.inf, init=False)
    _is_deaf: bool = field(default=False, init=False)

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> Self:
        """Read what the service manager has set, and remove it: no child shall speak for us."""
        address = environment.pop("NOTIFY_SOCKET", None)
        microseconds = environment.pop("WATCHDOG_USEC", "")
        pid = environment.pop("WATCHDOG_PID", str(os.getpid()))
        is_ours = pid == str(os.getpid()) and microseconds.isdecimal()
        period = int(microseconds) / 1e6 if is_ours and int(microseconds) else None
        watchdog = Watchdog(period if address else None)
        manager = cls(address, watchdog)
        watchdog.feed = lambda: manager._send("WATCHDOG=1")
        return manager

    @property
    def is_there(self) -> bool:
        """Whether a service manager listens."""
        return self.address is not None

    def ready(self, status: str) -> None:
        """Say that the part does its work from now on."""
        self._status = _one_line(status)
        self._send("READY=1", f"STATUS={self._status}")

    def status(self, text: str) -> None:
        """Say in a sentence what the part does; the same again is not sent."""
        if (line := _one_line(text)) != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def waits(self, text: str) -> None:
        """Say what the part waits for, and ask for time: it looks around, and does not hang."""
        is_extended = time.monotonic() - self._extended_at < _EXTENDED_SECONDS
        if is_extended and _one_line(text) == self._status:
            return
        self._extended_at = time.monotonic()
        self._status = _one_line(text)
        self._send(f"STATUS={self._status}", _EXTENSION)

    def stopping(self, status: str) -> None:
        """Say that the part ends."""
        self._status = _one_line(status)
        self._send("STOPPING=1", f"STATUS={self._status}")

    def _send(self, *assignments: str) -> None:
        if self.address is None:
            return
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_SEND_SECONDS)
                sender.connect(name)
                sender.send("\n".join(assignments).encode())
            self._is_deaf = False
        except (OSError, ValueError) as error:  # a path that is too long, or holds a NUL
            if not self._is_deaf:
                _log.warning("the service manager cannot be told", reason=str(error))
            self._is_deaf = True


_EXTENSION: Final = f"EXTEND_TIMEOUT_USEC={round(_EXTENSION_SECONDS * 1e6)}"


@functools.cache
def service_manager() -> ServiceManager:
    """The service manager of this process; ask for it before the process starts another."""
    return ServiceManager.taken_from(os.environ)


def _one_line(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()[:_STATUS_LENGTH]
