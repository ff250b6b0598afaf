"""The service manager's end of a real NOTIFY_SOCKET, and a way to a database that can be cut."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.waiting import wait_until


@dataclass
class FakeSystemd:
    """Hears what a part says.

    Attributes:
        address: What NOTIFY_SOCKET is set to.
        said: Every assignment, with the time on the monotonic clock.
    """

    address: str
    said: list[tuple[float, str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))
        self._socket.settimeout(0.1)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._socket.close()

    def environment(self, period_seconds: float | None = None) -> dict[str, str]:
        """What systemd sets for a unit of `Type=notify`."""
        period = {} if period_seconds is None else {"WATCHDOG_USEC": f"{period_seconds * 1e6:.0f}"}
        return {"NOTIFY_SOCKET": self.address, **period}

    def values(self, name: str, since: float = 0.0) -> list[str]:
        return [value for at, key, value in list(self.said) if key == name and at >= since]

    def await_next(self, name: str) -> str:
        """The value of the next assignment of that name."""
        since = time.monotonic()
        return wait_until(lambda: self.values(name, since))[0]

    def feeds_within(self, seconds: float) -> bool:
        """Whether the watchdog is fed before its period is over."""
        since = time.monotonic()
        with suppress(AssertionError):
            return bool(wait_until(lambda: self.values("WATCHDOG", since), seconds))
        return False

    def _hear(self) -> None:
        while not self._is_over.is_set():
            with suppress(TimeoutError):
                lines = self._socket.recv(65536).decode().split("\n")
                at = time.monotonic()
                self.said += [(at, *line.split("=", 1)) for line in lines]


@contextmanager
def fake_systemd(directory: Path) -> Iterator[FakeSystemd]:
    with FakeSystemd(str(directory / "notify")) as heard:
        yield heard


@contextmanager
def part_of(
    words: list[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A part as a process; its log is kept where the test fails."""
    command = [sys.executable, "-m", "deployments.cli", *words]
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=inherited | dict(environment), stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


class Wire:
    """A TCP way to a port of this machine, which can be cut, or fall silent."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._pairs: list[socket.socket] = []
        self._is_silent = threading.Event()
        self._listener: socket.socket | None = None
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = int(found.getsockname()[1])

    def open(self) -> None:
        """Let connections through."""
        self._is_silent.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Break what is connected, and refuse what comes."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for each in self._pairs:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._listener, self._pairs = None, []

    def fall_silent(self) -> None:
        """Take everything, and pass on nothing."""
        self._is_silent.set()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.create_connection(self._target)
                self._pairs += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._is_silent.is_set():
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
