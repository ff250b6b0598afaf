"""What one schedule does: drawn from its seed alone, so that it can be printed and repeated.

The seeds of a block share out victims, steps and faults evenly: every value comes once in it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from deployments.bench.common.shares import share, shuffled
from deployments.sandbox.panda.faults import FaultKind, When
from flows.submission.models import Step

PRUN_SECONDS: Final = 5.0
"""How long the bench's prun may take."""
SERVER_LIMIT_SECONDS: Final = 5.0
"""How long the bench's PanDA may work on a request that nobody waits for any more."""
SLOW_SECONDS: Final = 4.7
"""So slow that prun is killed meanwhile; the server does its work after all, within its limit."""

SUBMIT: Final = "task/submit"
LOOK_UP: Final = "task/get_tasks_detailed_info_since"
_OTHERS: Final = (
    "file_server/validate_cache_file",
    "file_server/upload_cache_file",
    LOOK_UP,
    "task/get_task_parameters",
)
_ENDPOINTS: Final = (SUBMIT,) * 6 + _OTHERS
_WITH_PRUN: Final = frozenset({Step.SANDBOX, Step.SEND, Step.RECONCILE})
_KINDS: Final = tuple(FaultKind)
_PRUN_LIFE_SECONDS: Final = 1.2


class Victim(StrEnum):
    """What is killed with SIGKILL."""

    NONE = "nothing"
    WORKER = "worker"
    GUARDIAN = "guardian"
    RUN = "run"
    """The process of the flow."""
    PRUN = "prun"
    PRUN_SHELL = "prun's shell"
    API = "api"
    """PCS too, which it embeds."""
    PREFECT = "prefect"
    POSTGRES = "postgres"
    POOL_WORKER = "process worker"
    """Prefect's own, where that starts the runs."""
    POOL_WORKER_AND_RUN = "process worker and its run"


OF_OWN_POOL: Final = tuple(Victim)[:-2]
"""Who is killed where the warm worker starts the runs."""
_IN_OTHER_POOL: Final = {
    Victim.WORKER: Victim.POOL_WORKER,
    Victim.GUARDIAN: Victim.POOL_WORKER_AND_RUN,
    Victim.API: Victim.WORKER,
}
"""Who is killed instead, where Prefect's own process worker starts the runs."""


class Door(StrEnum):
    """How a submission is asked for."""

    BUTTON = "button"
    """`POST <task>/submit/`, as the page's button does."""
    ACTION = "action"
    """`POST /api/actions/submit_task/`, by the task's stored name."""
    ALIAS = "alias"
    """The same by its composed name, which is another dedup key."""


_AT_ANY_STEP: Final = tuple(
    each for each in OF_OWN_POOL if each not in {Victim.NONE, Victim.PRUN, Victim.PRUN_SHELL}
)


@dataclass(frozen=True)
class Kill:
    """A kill, so long after the submission's first arrival at a step."""

    victim: Victim
    step: Step
    delay_seconds: float

    def __str__(self) -> str:
        at = f"step {self.step.number} ({self.step})"
        return f"kill {self.victim} {self.delay_seconds:g} s after {at}"


@dataclass(frozen=True)
class PandaFault:
    """What PanDA does wrong, to so many of the task's requests."""

    endpoint: str
    kind: FaultKind
    when: When
    times: int = 1
    seconds: float = 1.0

    @property
    def hides_the_outcome(self) -> bool:
        """Whether prun cannot tell by its answer what became of the task."""
        return self.endpoint == SUBMIT and self.kind is not FaultKind.REJECT

    def __str__(self) -> str:
        is_long = self.kind in {FaultKind.SLOW, FaultKind.REFUSE}
        seconds = f" {self.seconds:g} s" if is_long else ""
        return f"{self.kind}{seconds} {self.when} {self.endpoint} x{self.times}"


@dataclass(frozen=True)
class Click:
    """One request for the submission, so long after the first."""

    at_seconds: float
    door: Door

    def __str__(self) -> str:
        return f"{self.door} at {self.at_seconds:g} s"


@dataclass(frozen=True)
class Schedule:
    """Everything that is done to one intent."""

    seed: int
    kills: tuple[Kill, ...]
    faults: tuple[PandaFault, ...]
    clicks: tuple[Click, ...]

    def __str__(self) -> str:
        parts = [
            "; ".join(map(str, self.kills)) or "kill nothing",
            "PanDA: " + ", ".join(map(str, self.faults)),
            "ask by " + ", ".join(map(str, self.clicks)),
        ]
        return f"seed {self.seed}: " + " | ".join(parts)


def in_other_pool(schedule: Schedule) -> Schedule:
    """The schedule where Prefect's own process worker starts the runs: who started them dies."""
    kills = [replace(each, victim=_IN_OTHER_POOL.get(each.victim, each.victim))
             for each in schedule.kills]  # fmt: skip
    return replace(schedule, kills=tuple(kills))


def draw(seed: int) -> Schedule:
    """The schedule of a seed; the same each time."""
    chance = random.Random(f"schedule {seed}")  # noqa: S311 - no secret
    kills = _kills(seed, chance)
    faults = _faults(seed, chance)
    # Nothing is reconciled where prun saw the answer.
    is_reconciled = any(kill.step is Step.RECONCILE for kill in kills)
    if is_reconciled and not any(fault.hides_the_outcome for fault in faults):
        hidden = PandaFault(SUBMIT, FaultKind.DROP, chance.choice(tuple(When)))
        faults = (hidden, *faults)
    return Schedule(seed, kills, faults, _clicks(chance))


def _kills(seed: int, chance: random.Random) -> tuple[Kill, ...]:
    victim = share("victim", OF_OWN_POOL, seed)
    step = share("step", tuple(Step), seed)
    if victim is Victim.NONE:
        return ()
    kills = [_kill(victim, step, chance)]
    if kills[0].step is not step:
        kills.append(_kill(chance.choice(_AT_ANY_STEP), step, chance))
    elif chance.random() < 0.2:  # noqa: PLR2004 - sometimes two
        second = chance.choice((*_AT_ANY_STEP, Victim.PRUN))
        kills.append(_kill(second, chance.choice(tuple(Step)), chance))
    return tuple(kills)


def _kill(victim: Victim, step: Step, chance: random.Random) -> Kill:
    if victim in {Victim.PRUN, Victim.PRUN_SHELL} and step not in _WITH_PRUN:
        step = Step.SEND
    longest = _PRUN_LIFE_SECONDS if step is Step.SEND else 0.3
    is_at_once = chance.random() < 0.4  # noqa: PLR2004
    delay = 0.0 if is_at_once else round(chance.uniform(0, longest), 2)
    return Kill(victim, step, delay)


def _faults(seed: int, chance: random.Random) -> tuple[PandaFault, ...]:
    endpoint = share("endpoint", _ENDPOINTS, seed)
    kind, when = _kind_and_time(seed)
    if kind is FaultKind.REJECT and endpoint == SUBMIT:
        # A server that refuses a task in words after it has taken it lies: nobody can tell, but
        # by waiting out the look-up's lag at every refusal.
        when = When.BEFORE
    seconds = 1.0
    if kind is FaultKind.SLOW and endpoint == SUBMIT:
        seconds = SLOW_SECONDS
    elif kind is FaultKind.REFUSE:
        seconds = round(chance.uniform(0.5, 3.0), 1)
    times = 2 if chance.random() < 0.3 else 1  # noqa: PLR2004
    return (PandaFault(endpoint, kind, when, times, seconds),)


def _kind_and_time(seed: int) -> tuple[FaultKind, When]:
    """Every kind before and after the commit in a block, and every kind in each half of one."""
    half, place = divmod(seed, len(_KINDS))
    block, is_second = divmod(half, 2)
    kind = shuffled(f"kind {half}", _KINDS)[place]
    flip = random.Random(f"when {block} {kind}").random() < 0.5  # noqa: PLR2004, S311 - no secret
    return kind, When.AFTER if flip != bool(is_second) else When.BEFORE


def _clicks(chance: random.Random) -> tuple[Click, ...]:
    at_once = [Click(0.0, _door(chance)) for _ in range(chance.randint(1, 4))]
    moments = [round(chance.uniform(0.3, 8.0), 1) for _ in range(chance.choice((0, 0, 0, 1, 2)))]
    return (*at_once, *(Click(moment, _door(chance)) for moment in moments))


def _door(chance: random.Random) -> Door:
    return chance.choices(tuple(Door), weights=(75, 15, 10))[0]
