"""The quiet run: STFs alone, one trigger at a time, an assistant alone; nothing else to do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deployments.bench.common.meanwhile import meanwhile
from deployments.bench.common.stack import BenchBroken, BenchStack, say, until
from deployments.bench.fastmon.load import LoadProcess
from deployments.bench.outage.load import Load, Series
from deployments.bench.soak import latency
from deployments.bench.soak.clients import asking_assistant
from deployments.bench.soak.cpu import Cpu, Used
from deployments.bench.soak.following import Ends, Lags
from deployments.bench.soak.kinds import MIXED, UNTIMED, Kind, Trigger
from deployments.bench.soak.others import Others
from deployments.bench.soak.world import World

_STFS_RUN: Final = 940_100
_LAG_SHARE: Final = 3
_WARM_STFS: Final = 2  # the first ones start the sampling run
_CALM_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 600.0
_OTHERS_SECONDS: Final = 1.0
_ROUNDS: Final = 2  # of an assistant, through all of its tools
_STATE: Final = "SELECT count(*) FROM request WHERE id = :id AND finished_at IS NOT NULL"


@dataclass(frozen=True)
class Quiet:
    """What the quiet run took.

    Attributes:
        seconds: From trigger to end, by kind.
        lags: From an STF's message to its first TF at a client, in seconds.
        answers: Of an assistant's tools, in seconds.
        used: Who used the processors.
        others_load: Threads of others that were runnable, on average.
    """

    seconds: dict[Kind, list[float]]
    lags: list[float]
    answers: list[float]
    used: Used
    others_load: float


def measure(running: BenchStack, clients: LoadProcess, world: World, seconds: float) -> Quiet:
    """Measure for about so long, each kind at least once."""
    clients.connect(running, 1)
    running.wait_calm(_CALM_SECONDS, patience_seconds=_PATIENCE_SECONDS)
    before = Cpu.now(running)
    others = Others((running.stack.pid("supervisord"),))
    with meanwhile(others.look, every_seconds=_OTHERS_SECONDS):
        lags = _lags(running, clients, world, seconds / _LAG_SHARE)
        running.wait_calm(_CALM_SECONDS, patience_seconds=_PATIENCE_SECONDS)
        ends = Ends(running)
        triggers = _one_by_one(running, world, seconds)
        running.wait_calm(_CALM_SECONDS, patience_seconds=_PATIENCE_SECONDS)
        with asking_assistant(running) as asker:
            until(lambda: asker.rounds >= _ROUNDS, _PATIENCE_SECONDS, "the assistant is answered")
    if asker.failures:
        raise BenchBroken(f"the assistant is refused: {asker.failures[0]}")
    ends.look()
    used = Used.between(before, Cpu.now(running))
    running.wait_calm(patience_seconds=_PATIENCE_SECONDS)
    taken = latency.taken(triggers, ends.at)
    return Quiet(taken, lags, asker.answers, used, others.load)


def _lags(running: BenchStack, clients: LoadProcess, world: World, seconds: float) -> list[float]:
    """One STF each second."""
    stfs = world.stfs(_STFS_RUN, _WARM_STFS + max(1, round(seconds)))
    lags = Lags(clients, stfs[_WARM_STFS:])
    with Load(running, [Series(stfs, 1.0)]):
        time.sleep(len(stfs))

    def have_come() -> bool:
        lags.look()
        return len(lags.seconds) == len(lags.stfs)

    until(have_come, _PATIENCE_SECONDS, "the STFs' TFs come")
    return lags.seconds


def _one_by_one(running: BenchStack, world: World, seconds: float) -> Sequence[Trigger]:
    """Ask for triggers of all kinds, each when the one before has ended."""
    began, asked = time.monotonic(), list[Trigger]()
    while time.monotonic() - began < seconds:
        for trigger in world.triggers(len(MIXED)):
            _ask(running, trigger)
            asked.append(trigger)
    say(f"quiet: {len(asked)} triggers in {time.monotonic() - began:.0f} s")
    return asked


def _ask(running: BenchStack, trigger: Trigger) -> None:
    """Ask for it, and wait until it has ended, if it ends by itself.

    Raises:
        BenchBroken: It was refused, or takes too long.
    """
    wish = trigger.wish
    wish.asked_at, wish.tries = time.time(), 1
    wish.take(running.http.post(wish.path, json=wish.body))
    if wish.request_id is None:
        raise BenchBroken(f"{trigger.kind} was not taken: {wish.refusals}")
    if trigger.kind not in UNTIMED:
        until(
            lambda: running.count(_STATE, id=wish.request_id) > 0,
            _PATIENCE_SECONDS,
            f"{trigger.kind} ends",
        )
