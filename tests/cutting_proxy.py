"""A TCP proxy before the session's Rucio, which breaks connections off in the middle."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.grid import RunningGrid

_CHUNK_BYTES = 4096


class CuttingProxy(socketserver.ThreadingTCPServer):
    """Passes bytes on, as many of the answers as it may."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = target
        self.cuts = 0
        self._left: int | None = None
        self._act: Callable[[], None] | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_address[1]}"

    def cut_after(self, answered_bytes: int | None) -> None:
        """Break every connection off once so many bytes more were answered; None: never."""
        self._left, self._act = answered_bytes, None

    def go_down(self) -> None:
        """Refuse connections, and break those off that are there."""
        self.shutdown()
        self.server_close()
        self.cut_after(0)

    def act_after(self, answered_bytes: int, act: Callable[[], None]) -> None:
        """Do something once so many bytes more were answered, and pass on what still comes."""
        self._left, self._act = answered_bytes, act

    def may_pass(self, size: int) -> bool:
        with self._lock:
            if self._left is None:
                return True
            self._left -= size
            if self._left >= 0:
                return True
            self.cuts += 1
            if self._act is None:
                return False
            self._act()
            self._left = self._act = None
            return True


class _Connection(socketserver.BaseRequestHandler):
    server: CuttingProxy

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as onward:
            asking = threading.Thread(target=_pass, args=(self.request, onward), daemon=True)
            asking.start()
            with suppress(OSError):
                while (data := onward.recv(_CHUNK_BYTES)) and self.server.may_pass(len(data)):
                    self.request.sendall(data)
            for each in (onward, self.request):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            asking.join(5)


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK_BYTES):
            sink.sendall(data)


@pytest.fixture
def cutting_proxy(grid: RunningGrid) -> Iterator[CuttingProxy]:
    """A proxy before the session's Rucio."""
    target = urlsplit(grid.url)
    with CuttingProxy((target.hostname or "localhost", target.port or 443)) as proxy:
        serving = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
        serving.start()
        yield proxy
        proxy.shutdown()
        serving.join(5)
