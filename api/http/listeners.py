"""A listener of the stream, and the newest events: both bounded by bytes."""

from __future__ import annotations

import asyncio
import time
import uuid
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import Final

from api.http.frames import Frame, Wanted
from flows.common.callers import Proof

READ_BYTES: Final = 1 << 20  # of one reading, and of what a client is sent at once of a replay


@dataclass(frozen=True)
class Start:
    """Where a client's stream begins.

    Attributes:
        after: The last event that it has; None: it begins with what is new.
        notice: The control frame that says why it cannot begin where it wanted to.
    """

    after: int | None = None
    notice: bytes | None = None


@dataclass(eq=False)
class Client:
    """One listener: what waits for it, and how far it has got."""

    wanted: Wanted
    limit_bytes: int
    proof: Proof | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    pending: list[bytes] = field(default_factory=list)
    pending_bytes: int = 0
    pending_since: float = 0.0  # of the oldest that is pending
    is_cut_off: bool = False
    heartbeat_at: float = field(default_factory=time.monotonic)
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, chunk: bytes) -> None:
        """Queue `chunk`; a client with too much waiting is cut off."""
        if self.is_cut_off:
            return
        self.pending_bytes += len(chunk)
        # One chunk alone is never too much: a client that keeps up gets it, whatever its size.
        if self.pending and self.pending_bytes > self.limit_bytes:
            self.cut_off()
            return
        if not self.pending:
            self.pending_since = time.monotonic()
        self.pending.append(chunk)
        self.ready.set()

    @property
    def lag_seconds(self) -> float:
        """For how long the oldest has waited that the client was not sent."""
        return time.monotonic() - self.pending_since if self.pending else 0.0

    def cut_off(self) -> None:
        """End the client's stream; what waits is dropped, its last id brings it back."""
        self.is_cut_off = True
        self.pending.clear()
        self.pending_bytes = 0
        self.ready.set()

    def forget_pending(self) -> None:
        """Drop what waits, which was only to be noticed."""
        self.ready.clear()
        self.pending.clear()
        self.pending_bytes = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """What arrives, everything pending in one piece."""
        while True:
            await self.ready.wait()
            self.ready.clear()
            if self.is_cut_off:
                return
            chunk = b"".join(self.pending)
            self.pending.clear()
            self.pending_bytes = 0
            if chunk:
                yield chunk


class Recent:
    """The newest events, as many as their number and their bytes allow; the newest one always."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    def extend(self, frames: Iterable[Frame]) -> None:
        """Add events that follow; what is too old goes."""
        for frame in frames:
            self._frames.append(frame)
            self._bytes += len(frame.data)
            while len(self._frames) > 1 and self._is_full():
                self._bytes -= len(self._frames.popleft().data)

    def between(self, after: int, until: int) -> list[Frame] | None:
        """The first of the events after one id up to another; None where the first may be gone."""
        if not self._frames or self._frames[0].id > after + 1:
            return None
        frames = list(self._frames)
        start = bisect_right(frames, after, key=lambda frame: frame.id)
        stop = bisect_right(frames, until, key=lambda frame: frame.id)
        ends = accumulate(len(frame.data) for frame in frames[start:stop])
        count = sum(1 for _ in takewhile(lambda size: size <= READ_BYTES, ends))
        return frames[start : min(stop, start + max(1, count))]

    def clear(self) -> None:
        """Forget them all."""
        self._frames.clear()
        self._bytes = 0

    def _is_full(self) -> bool:
        return len(self._frames) > self._most or self._bytes > self._most_bytes
