"""Sessions with one Rucio server, each used by one thread at a time; the token is common."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from blocks.rucio_catalog.access import RucioAccess
from blocks.rucio_catalog.session import RucioSession
from blocks.rucio_catalog.tokens import Tokens


class SessionPool:
    """As many sessions as were ever needed at a time."""

    def __init__(self, access: RucioAccess) -> None:
        self._access = access
        self._tokens = Tokens(access)
        self._lock = threading.Lock()
        self._idle: list[RucioSession] = []

    @contextmanager
    def session(self) -> Iterator[RucioSession]:
        """A session of one's own; one that was in use when something failed is not used again."""
        with self._lock:
            session = self._idle.pop() if self._idle else None
        session = session or RucioSession(self._access, self._tokens)
        try:
            yield session
        except BaseException:
            session.disconnect()
            raise
        with self._lock:
            self._idle.append(session)

    def close(self) -> None:
        """Close the sessions that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.disconnect()
