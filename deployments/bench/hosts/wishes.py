"""What a schedule asks for, made beforehand: while something is away it could not be."""

from __future__ import annotations

from typing import Final

from deployments.bench.common.stack import BenchStack
from deployments.bench.hosts.schedules import STFS_A_SECOND, Schedule
from deployments.bench.outage import load
from deployments.bench.outage.load import Series, Wish
from flows.workflows.domain import simulation

_SECONDS: Final = 90.0  # it asks for no more, however long it takes to come back
_FIRST_RUN: Final = 950_000


def namespace_of(schedule: Schedule) -> str:
    """The namespace of the schedule's STFs."""
    return f"hosts{schedule.seed:05d}"


def run_of(schedule: Schedule) -> int:
    """The number of the run that they are of."""
    return _FIRST_RUN + schedule.seed


def wishes(running: BenchStack, schedule: Schedule) -> list[Series]:
    """STFs to be announced, tasks to be submitted, and sweeps of the tasks' campaign."""
    tasks = round(_SECONDS / schedule.submit_seconds)
    samples = [f"{namespace_of(schedule)}n{number:03d}" for number in range(tasks)]
    submissions = [load.submission(task) for task in running.make_tasks(samples)]
    sweeps = [load.sweep() for _ in range(round(_SECONDS / schedule.sweep_seconds))]
    return [
        Series(_stfs(schedule), 1 / STFS_A_SECOND),
        Series(submissions, schedule.submit_seconds),
        Series(sweeps, schedule.sweep_seconds),
    ]


def _stfs(schedule: Schedule) -> list[Wish]:
    number = round(_SECONDS * STFS_A_SECOND)
    plan = simulation.RunPlan(run_of(schedule), number, namespace=namespace_of(schedule))
    return [
        load.stf(body)
        for _, body in simulation.simulate_run(plan)
        if body["msg_type"] == "stf_ready"
    ]
