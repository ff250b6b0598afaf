"""What a schedule asks for, made beforehand: while a fault lasts it could not be."""

from __future__ import annotations

from functools import partial
from typing import Final

from deployments.bench.common.stack import BenchStack
from deployments.bench.outage import load
from deployments.bench.outage.bus import BusSender
from deployments.bench.outage.load import Series, Wish
from deployments.bench.outage.schedules import BY_BUS, STFS_A_SECOND, Kind, Schedule
from deployments.bench.payload_logs.logs import JobLog, LogMaker
from flows.workflows.domain import simulation

_LOG_BYTES: Final = 60_000
_STF_SECONDS: Final = 240.0
_OTHER_SECONDS: Final = 120.0
_FIRST_RUN: Final = 930_000


def namespace_of(schedule: Schedule) -> str:
    """The namespace of the schedule's STFs."""
    return f"outage{schedule.seed:05d}"


def run_of(schedule: Schedule) -> int:
    """The number of the run that they are of."""
    return _FIRST_RUN + schedule.seed


class WishMaker:
    """Makes what can be asked for, as much as the longest schedule needs."""

    def __init__(self, running: BenchStack, bus: BusSender | None) -> None:
        self._running = running
        self._bus = bus
        self._logs = LogMaker(running)
        self._log: JobLog | None = None

    def made(self, schedule: Schedule) -> list[Series]:
        """STFs that can be announced, tasks that can be submitted, and logs to be fetched."""
        return [
            Series(self._stfs(schedule), 1 / STFS_A_SECOND),
            Series(self._submissions(schedule), schedule.submit_seconds),
            Series(self._fetches(schedule), schedule.fetch_seconds),
        ]

    def _stfs(self, schedule: Schedule) -> list[Wish]:
        number = round(_STF_SECONDS * STFS_A_SECOND)
        plan = simulation.RunPlan(run_of(schedule), number, namespace=namespace_of(schedule))
        send = None
        if self._bus is not None and schedule.kind in BY_BUS:
            send = partial(self._bus.send, until_taken=schedule.kind is Kind.BROKER_EMPTIED)
        return [
            load.stf(body, send)
            for _, body in simulation.simulate_run(plan)
            if body["msg_type"] == "stf_ready"
        ]

    def _submissions(self, schedule: Schedule) -> list[Wish]:
        number = int(_OTHER_SECONDS / schedule.submit_seconds)
        samples = [f"{namespace_of(schedule)}n{each:03d}" for each in range(number)]
        return [load.submission(task) for task in self._running.make_tasks(samples)]

    def _fetches(self, schedule: Schedule) -> list[Wish]:
        if self._log is None:
            self._log = self._logs.make(_LOG_BYTES)
        number = int(_OTHER_SECONDS / schedule.fetch_seconds)
        made = [self._logs.another(self._log) for _ in range(number)]
        return [load.fetch(each.panda_id) for each in made]
