"""The sampling run: serve one namespace's inbox until it idles or a successor takes over."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Self

import psycopg
from prefect import flow

from flows.common import requests
from flows.common.database import DatabaseUnavailable, listen_dsn, make_engine
from flows.common.settings import FastmonSettings, settings
from flows.fastmon import repository
from flows.fastmon.sampler import LeaseTaken, Sampler, Tally, sampling_of
from flows.fastmon.tasks import record_error, record_progress

_HAND_OVER_LEAD = 0.05  # part of the run's time that is left for the successor to start
_PATIENCE_WITH_SUCCESSOR = 2  # times the run's limit
_RETRY_SECONDS = 1.0
_OUTAGE_SECONDS = 120.0


@flow(name="sample-stfs", persist_result=False)
def sample_stfs(namespace: str = "") -> dict[str, Any]:
    """Sample Time Frames from the STFs that wait in the namespace's inbox.

    Returns:
        The run's tally: stfs, sampled, tfs, set_aside, batches, reasons.
    """
    configured = settings().fastmon
    engine = make_engine(pool_size=1)
    try:
        sampler = Sampler(
            engine=engine,
            namespace=namespace,
            holder=requests.held(),
            sampling=sampling_of(configured),
            batch_size=configured.batch_size,
        )
        return _Service(sampler, configured).run().as_dict()
    finally:
        engine.dispose()


@dataclass
class _Service:
    """The loop of a sampling run: its clocks, its limits, its tally."""

    sampler: Sampler
    configured: FastmonSettings
    total: Tally = field(default_factory=Tally)
    recent: Tally = field(default_factory=Tally)
    started: float = field(default_factory=time.monotonic)
    busy_at: float = field(default_factory=time.monotonic)
    summary_at: float = field(default_factory=time.monotonic)
    has_successor: bool = False

    def run(self) -> Tally:
        if not self._patiently(self.sampler.begin):
            self._patiently(lambda: self.sampler.close_after_hand_over(self.total))
            return self.total
        with _Bell() as bell:
            while self._serve():
                bell.wait(self._patience())
        self._summarize()
        return self.total

    def _serve(self) -> bool:
        """Serve what waits; False once the run has ended."""
        try:
            while (batch := self._patiently(self.sampler.serve_batch)).batches or batch.set_aside:
                self._count(batch)
                self._hand_over_in_time()
                if self._is_overdue():
                    break
        except LeaseTaken:
            self._patiently(lambda: self.sampler.close_after_hand_over(self.total))
            return False
        self._hand_over_in_time()
        self._summarize_in_time()
        if self._is_overdue():
            # It found no free slot: this run's own slot is what it waits for.
            self._patiently(lambda: self.sampler.close_after_hand_over(self.total))
            return False
        is_idle = time.monotonic() - self.busy_at >= self.configured.idle_seconds
        return not (is_idle and self._close())

    def _close(self) -> bool:
        try:
            return bool(self._patiently(lambda: self.sampler.close_if_empty(self.total)))
        except requests.ClaimLost:
            # A commit whose answer was lost has closed it already; any other loss is an error.
            if self._patiently(self.sampler.has_ended):
                return True
            raise

    def _count(self, batch: Tally) -> None:
        self.busy_at = time.monotonic()
        self.total.add(batch)
        self.recent.add(batch)
        if batch.reasons:
            record_error(batch.reasons)
        self._summarize_in_time()

    def _is_overdue(self) -> bool:
        """Whether the successor has not taken over in a time that would be enough."""
        return (
            self.has_successor
            and self._age() >= _PATIENCE_WITH_SUCCESSOR * self.configured.run_seconds
        )

    def _age(self) -> float:
        return time.monotonic() - self.started

    def _hand_over_in_time(self) -> None:
        is_due = self._age() >= self.configured.run_seconds * (1 - _HAND_OVER_LEAD)
        if not self.has_successor and (is_due or self.total.stfs >= self.configured.run_stfs):
            self._patiently(self.sampler.hand_over)
            self.has_successor = True

    def _summarize_in_time(self) -> None:
        if time.monotonic() - self.summary_at >= self.configured.summary_seconds:
            self._summarize()

    def _summarize(self) -> None:
        seconds = time.monotonic() - self.summary_at
        self.summary_at = time.monotonic()
        if self.recent.stfs or self.recent.set_aside:
            record_progress(self.recent.as_dict(), seconds)
            self.recent = Tally()

    def _patience(self) -> float:
        """How long to wait for the bell before looking anyway."""
        left = self.configured.idle_seconds - (time.monotonic() - self.busy_at)
        return max(0.01, min(left, 1.0))

    def _patiently(self, work: Any) -> Any:
        """Do `work`, waiting out a database that restarts: a batch is whole or has not been."""
        give_up = time.monotonic() + _OUTAGE_SECONDS
        while True:
            try:
                return work()
            except DatabaseUnavailable:
                if time.monotonic() > give_up:
                    raise
                time.sleep(_RETRY_SECONDS)


class _Bell:
    """Waits for a notification that an inbox has something; a lost one costs a second."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def wait(self, seconds: float) -> None:
        """Return at a notification, or after `seconds`."""
        if self._connection is None or self._connection.closed:
            self._listen()
        if self._connection is None:
            time.sleep(seconds)
            return
        try:
            for _ in self._connection.notifies(timeout=seconds, stop_after=1):
                return
        except psycopg.OperationalError:
            self._connection.close()

    def _listen(self) -> None:
        try:
            self._connection = psycopg.connect(listen_dsn(), autocommit=True)
            self._connection.execute(f"LISTEN {repository.CHANNEL}")
        except psycopg.OperationalError:
            # The database restarts; until it is back the inbox is looked at by the clock.
            self._connection = None
