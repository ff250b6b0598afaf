"""An agent's work beside its receiving: a few threads, each piece of work once at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from deployments.agents.patience import Stopping

_log = logging.getLogger("prodops.agent")


@dataclass
class Background:
    """Threads that work for an agent.

    Attributes:
        workers: How many.
        failed: Is called where a piece of work raises: with what it was, and the error.
    """

    workers: int
    failed: Callable[[str, Exception], None]
    _pool: ThreadPoolExecutor = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _keys: set[Hashable] = field(default_factory=set)
    _under_way: set[Future[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="agent")

    @property
    def count(self) -> int:
        """How many pieces of work are under way or wait."""
        return sum(not each.done() for each in list(self._under_way))

    def run(
        self, what: str, work: Callable[[], Any], *, key: Hashable | None, done: Callable[[], None]
    ) -> bool:
        """Have work done; not where some of the same key is under way.

        Args:
            what: What it is, for the log.
            work: What is to be done.
            key: Which work is the same; None: none is.
            done: Is called when it has ended, be it with an error; not where it was broken off.

        Returns:
            Whether it will be done.
        """
        with self._lock:
            if key is not None and key in self._keys:
                return False
            self._keys.add(key)
            self._under_way = {each for each in self._under_way if not each.done()}
            self._under_way.add(self._pool.submit(self._work, what, work, key, done))
        return True

    def drain(self, seconds: float) -> None:
        """Wait for what is under way; what only waits for its turn is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        # `wait` would wait for what is cancelled, which nobody tells it any more.
        under_way = [each for each in self._under_way if not each.cancelled()]
        dropped = len(self._under_way) - len(under_way)
        left = len(wait(under_way, timeout=seconds).not_done)
        if dropped + left:
            _log.warning(
                "%d pieces of work were not done; their messages come again", dropped + left
            )

    def _work(
        self, what: str, work: Callable[[], Any], key: Hashable | None, done: Callable[[], None]
    ) -> None:
        try:
            work()
        except Stopping:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this work's
            self.failed(what, error)
        finally:
            with self._lock:
                self._keys.discard(key)
        done()
