"""What the broker has delivered on one connection, and waits to be taken."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, field

from blocks.message_broker.frames import Delivery


@dataclass
class Inbox:
    """The listener of one connection; the broker's prefetch bounds what waits in it.

    Attributes:
        is_answered: Answers a control message in stomp.py's thread, ahead of all that waits;
            False: it is none.
        lost_because: Why the connection broke; empty: it stands.
    """

    is_answered: Callable[[Delivery], bool] = lambda _delivery: False
    lost_because: str = ""
    _waiting: queue.SimpleQueue[Delivery | None] = field(default_factory=queue.SimpleQueue)

    def received(self, delivery: Delivery) -> None:
        """Answer a control message at once; keep every other."""
        if not self.is_answered(delivery):
            self._waiting.put(delivery)

    def lost(self, reason: str) -> None:
        """Note that the connection broke."""
        self.lost_because = reason
        self.wake()

    def wake(self) -> None:
        """End a wait in :meth:`next_batch`."""
        self._waiting.put(None)

    def next_batch(self, most: int, seconds: float) -> list[Delivery]:
        """What waits, at most so many; waits so long for the first. Empty: nothing, or woken."""
        batch: list[Delivery] = []
        try:
            while len(batch) < most:
                delivery = self._waiting.get(timeout=0.0 if batch else seconds)
                if delivery is None:
                    break
                batch.append(delivery)
        except queue.Empty:
            pass
        return batch
