"""The sampling run: serve one namespace's inbox until it idles or a successor takes over."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from flows.common import run
from flows.common.flow import flow
from flows.common.notifications import NotificationListener
from flows.common.settings import FastmonSettings
from flows.fastmon import repository
from flows.fastmon.actions import SAMPLE_STFS, SampleStfs
from flows.fastmon.domain import Tally
from flows.fastmon.tasks import LeaseTaken, Sampler, record_error, record_progress

_HAND_OVER_LEAD: Final = 0.05  # part of the run's time that is left for the successor to start
_PATIENCE_WITH_SUCCESSOR: Final = 2  # times the run's limit
_LONGEST_WAIT: Final = 1.0  # what a lost notification costs, in seconds


@flow(SAMPLE_STFS)
def sample_stfs(form: SampleStfs) -> dict[str, Any]:
    """Sample Time Frames from the STFs that wait in the namespace's inbox.

    Returns:
        The run's tally: stfs, sampled, tfs, set_aside, batches, reasons.
    """
    present = run.current()
    configured = present.settings.fastmon
    return asdict(_Service(Sampler(present, form.namespace, configured), configured).run())


@dataclass
class _Service:
    """The loop of a sampling run: its clocks, its limits, its tally."""

    sampler: Sampler
    configured: FastmonSettings
    total: Tally = field(default_factory=Tally)
    recent: Tally = field(default_factory=Tally)
    busy_at: float = field(default_factory=time.monotonic)
    summary_at: float = field(default_factory=time.monotonic)
    has_successor: bool = False

    def run(self) -> Tally:
        with NotificationListener(repository.CHANNEL) as listener:
            try:
                self.sampler.begin()
                while not self._has_ended():
                    listener.wait(self._seconds_to_wait())
            except LeaseTaken:
                self.sampler.close(self.total)
        self._summarize()
        return self.total

    def _has_ended(self) -> bool:
        """Serve what waits; True once the run's request has ended."""
        while (batch := self.sampler.serve_batch()).batches or batch.set_aside:
            self._count(batch)
            self._hand_over_in_time()
            if self._is_overdue() or batch.stfs + batch.set_aside < self.configured.batch_size:
                break  # what has come since has sent a notification
        self._hand_over_in_time()
        self._summarize_in_time()
        if self._is_overdue():
            # The successor found no free slot: this run's own slot is what it waits for.
            return self.sampler.close(self.total)
        is_idle = time.monotonic() - self.busy_at >= self.configured.idle_seconds
        return is_idle and self.sampler.close(self.total, if_empty=True)

    def _count(self, batch: Tally) -> None:
        self.busy_at = time.monotonic()
        self.total.add(batch)
        self.recent.add(batch)
        if batch.reasons:
            record_error(batch.reasons)
        self._summarize_in_time()

    def _is_overdue(self) -> bool:
        """Whether the successor has not taken over in a time that would be enough."""
        enough = _PATIENCE_WITH_SUCCESSOR * self.configured.run_seconds
        return self.has_successor and self.sampler.run.elapsed() >= enough

    def _hand_over_in_time(self) -> None:
        limit = self.configured.run_seconds * (1 - _HAND_OVER_LEAD)
        is_due = self.sampler.run.elapsed() >= limit or self.total.stfs >= self.configured.run_stfs
        if is_due and not self.has_successor:
            self.sampler.hand_over()
            self.has_successor = True

    def _summarize_in_time(self) -> None:
        if time.monotonic() - self.summary_at >= self.configured.summary_seconds:
            self._summarize()

    def _summarize(self) -> None:
        seconds = time.monotonic() - self.summary_at
        self.summary_at = time.monotonic()
        if self.recent.stfs or self.recent.set_aside:
            record_progress(asdict(self.recent), seconds)
            self.recent = Tally()

    def _seconds_to_wait(self) -> float:
        """How long to wait for a notification before looking anyway."""
        left = self.configured.idle_seconds - (time.monotonic() - self.busy_at)
        return max(0.01, min(left, _LONGEST_WAIT))
