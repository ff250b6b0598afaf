"""Sends a simulated run to a monitor: in time, over a small pool, in a sensible order."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from blocks import monitor_api
from flows.workflows.domain import simulation

_SENDERS = 16
_MOST_IN_FLIGHT = 64


@dataclass(frozen=True)
class RunReport:
    """What a played run came to; ``behind_max_s`` is how late the latest message was sent."""

    run_number: int
    namespace: str
    stfs: int
    messages: int
    seconds: float
    stf_per_s: float
    answer_median_s: float
    answer_max_s: float
    behind_max_s: float
    is_broken_off: bool


def play(
    api: monitor_api.MonitorApi,
    plan: simulation.RunPlan,
    *,
    is_realtime: bool = True,
    shown: Callable[[simulation.Message], None] = lambda _message: None,
) -> RunReport:
    """Send a run's messages and wait for every answer; a Ctrl+C ends the run with its end_run.

    Args:
        api: the monitor.
        plan: the run; its times are set to begin now.
        is_realtime: keep the plan's pauses, else send as fast as answers come.
        shown: is given each message when it was handed over.

    Raises:
        TokenRefused, MessageRefused, MonitorUnavailable: A message was not taken.
    """
    plan = replace(plan, started=datetime.now(UTC))
    with _Sender(api) as sender:
        begun, is_broken_off = time.monotonic(), False
        try:
            for message in _paced(plan, sender, is_realtime=is_realtime):
                sender.hand_over(message)
                shown(message)
            sender.settle()
        except KeyboardInterrupt:
            is_broken_off = True
            sender.finish()
            if not sender.count("end_run"):
                tick = round(time.monotonic() - begun, 6)
                sender.send(simulation.end_of_run(plan, tick, sender.count("stf_gen")))
    return _report(plan, sender, time.monotonic() - begun, is_broken_off=is_broken_off)


def _report(
    plan: simulation.RunPlan, sender: _Sender, seconds: float, *, is_broken_off: bool
) -> RunReport:
    stfs = sender.count("stf_gen")
    return RunReport(
        run_number=plan.run_number,
        namespace=plan.namespace,
        stfs=stfs,
        messages=len(sender.answer_seconds),
        seconds=round(seconds, 3),
        stf_per_s=round(stfs / seconds, 2),
        answer_median_s=round(statistics.median(sender.answer_seconds or [0.0]), 4),
        answer_max_s=round(max(sender.answer_seconds, default=0.0), 4),
        behind_max_s=round(sender.behind_max_seconds, 3),
        is_broken_off=is_broken_off,
    )


class _Sender:
    """Sends from a small pool, so that one slow answer does not hold up the run.

    What changes the run's state waits for all before it and is waited for; STFs go side by side.
    When too many answers are missing it waits, and the run falls behind instead of piling up.
    """

    def __init__(self, api: monitor_api.MonitorApi) -> None:
        self.answer_seconds: list[float] = []
        self.behind_max_seconds = 0.0
        self._answered: list[str] = []
        self._api = api
        self._pool = ThreadPoolExecutor(_SENDERS, thread_name_prefix="daq")
        self._free = threading.Semaphore(_MOST_IN_FLIGHT)
        self._in_flight: set[Future[None]] = set()
        self._failures: list[BaseException] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            self._raise_failure()

    def hand_over(self, message: simulation.Message) -> None:
        """Send a message, soon; raises what became of an earlier one."""
        is_barrier = message["msg_type"] in simulation.LIFECYCLE
        if is_barrier:
            self.settle()
        self._free.acquire()
        self._raise_failure()
        future = self._pool.submit(self.send, message)
        self._in_flight.add(future)
        future.add_done_callback(self._done)
        if is_barrier:
            self.settle()

    def settle(self) -> None:
        """Wait for all answers."""
        for future in wait(list(self._in_flight)).done:
            future.result()
        self._raise_failure()

    def finish(self) -> None:
        """Wait for all answers, also where a Ctrl+C fell into handing over; then none is taken."""
        self._pool.shutdown()
        self._raise_failure()

    def send(self, message: simulation.Message) -> None:
        """Send a message now, in this thread."""
        begun = time.monotonic()
        self._api.send(message)
        self.answer_seconds.append(time.monotonic() - begun)
        self._answered.append(message["msg_type"])

    def count(self, message_type: str) -> int:
        """How many messages of this type were answered."""
        return self._answered.count(message_type)

    def _done(self, future: Future[None]) -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._failures.append(error)
        self._in_flight.discard(future)
        self._free.release()

    def _raise_failure(self) -> None:
        if self._failures:
            raise self._failures[0]


def _paced(
    plan: simulation.RunPlan, sender: _Sender, *, is_realtime: bool
) -> Iterator[simulation.Message]:
    """Each message when it is due; a run that fell behind catches up."""
    due = time.monotonic()
    for pause_seconds, message in simulation.simulate_run(plan):
        if not is_realtime:
            yield message | {"timestamp": datetime.now(UTC).isoformat(timespec="microseconds")}
            continue
        due += pause_seconds
        early_seconds = due - time.monotonic()
        if early_seconds > 0:
            time.sleep(early_seconds)
        sender.behind_max_seconds = max(sender.behind_max_seconds, -early_seconds)
        yield message
