"""One `prodops up` per state directory: a file lock, freed however its holder ends."""

from __future__ import annotations

import fcntl
import os

from deployments.stack.errors import AlreadyUp
from deployments.stack.layout import Layout


class UpLock:
    """The lock of one state directory."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.lock
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def take(self) -> None:
        """Take the lock and write our pid into it.

        Raises:
            AlreadyUp: Another process holds it.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyUp(
                f"the stack is already up (pid {self._written()}, state in {self._path.parent}); "
                "`prodops status` shows it, `prodops down` ends it"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def free(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> int | None:
        """Pid of the process that holds the lock now."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(self._written() or 0) or None
        finally:
            os.close(descriptor)
        return None

    def _written(self) -> str:
        return self._path.read_text().strip()
