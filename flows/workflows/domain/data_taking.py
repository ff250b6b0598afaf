"""The data acquisition's state machine: the messages of one run, each at its time.

Sequence, keys and their order: fast-monitoring contract section 1.5.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

Message = dict[str, Any]
Timeline = Iterator[tuple[float, Message]]
"""Messages with their ticks: the seconds since the workflow's begin, ascending."""

_STANDBY_REASON: Final = "Brief standby period"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whose messages these are: the run, its execution, and who sends them."""

    run_number: int
    namespace: str
    execution_id: str
    sender: str
    started: datetime

    @property
    def run_id(self) -> str:
        """The run number as messages carry it: a string."""
        return str(self.run_number)

    def filename(self, sequence: int) -> str:
        """Name of an STF, counted from one."""
        return f"swf.{self.run_id}.{sequence:06d}.stf"

    def time(self, tick: float) -> str:
        """The time of a tick, as messages carry it."""
        return (self.started + timedelta(seconds=tick)).isoformat(timespec="microseconds")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When what happens, in seconds.

    Attributes:
        before_imminent: From the begin to `run_imminent`.
        before_start: From there to `start_run`.
        before_first_stf: From a physics period's begin to its first STF.
        stf_interval: From one STF to the next.
        stf_interval_spread: Part of the interval by which an STF may come later than it would.
        after_last_stf: From a period's last STF to its end.
        standby: From a period's end to the next one's begin.
        after_end: From `end_run` to the end of the workflow.
    """

    before_imminent: float = 0.0
    before_start: float = 0.0
    before_first_stf: float = 0.0
    stf_interval: float = 1.0
    stf_interval_spread: float = 0.0
    after_last_stf: float = 0.0
    standby: float = 0.0
    after_end: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Period:
    """A physics period: its begin, its first STF's sequence number, and how many STFs it has."""

    timing: Timing
    begin: float
    first: int
    count: int
    seed: int

    def stfs(self) -> Iterator[tuple[int, float]]:
        """Sequence numbers of the period's STFs, and their ticks."""
        for sequence in range(self.first, self.first + self.count):
            yield sequence, self._tick(sequence)

    @property
    def end(self) -> float:
        """The tick of its end."""
        if not self.count:
            return round(self.begin + self.timing.before_first_stf, 6)
        return round(self._tick(self.first + self.count - 1) + self.timing.after_last_stf, 6)

    def _tick(self, sequence: int) -> float:
        timing, late = self.timing, 0.0
        if timing.stf_interval_spread:
            # Of its own seed, so that no STF depends on how many were asked for before it.
            draw = random.Random(f"{self.seed}:{sequence}").random()  # noqa: S311 - a simulation
            late = draw * timing.stf_interval_spread
        after_first = (sequence - self.first + late) * timing.stf_interval
        return round(self.begin + timing.before_first_stf + after_first, 6)


def periods(timing: Timing, stf_counts: Iterable[int], *, seed: int = 0) -> Iterator[Period]:
    """The physics periods of a run, one for each number of STFs; there may be endlessly many."""
    begin, first = timing.before_imminent + timing.before_start, 1
    for count in stf_counts:
        period = Period(timing=timing, begin=round(begin, 6), first=first, count=count, seed=seed)
        yield period
        first += count
        begin = period.end + timing.standby


def take_data(identity: Identity, timing: Timing, physics: Iterable[Period]) -> Timeline:
    """The messages of a run, from its `run_imminent` to its `end_run`."""
    begin = timing.before_imminent
    yield begin, _state(identity, "run_imminent", begin, "not_ready")
    end, stfs = begin + timing.before_start, 0
    for number, period in enumerate(physics):
        if number > 0:
            yield end, _state(identity, "pause_run", end, "standby", reason=_STANDBY_REASON)
        opening = "resume_run" if number > 0 else "start_run"
        yield period.begin, _state(identity, opening, period.begin, "physics")
        for sequence, tick in period.stfs():
            yield tick, _stf_gen(identity, tick, sequence)
        end, stfs = period.end, stfs + period.count
    yield end, end_run(identity, end, stfs)


def end_run(identity: Identity, tick: float, stfs: int) -> Message:
    """The message that ends a run, also one that was broken off, after so many STFs."""
    return _message(identity, "end_run", tick, total_stf_files=stfs)


def cut_off(timeline: Timeline, identity: Identity, seconds: float) -> Timeline:
    """The timeline, ended by its `end_run` at that tick if it would last longer.

    Where not even `run_imminent` would be sent by then, nothing is.
    """
    stfs, is_begun = 0, False
    for tick, message in timeline:
        if tick > seconds:
            if is_begun:
                yield seconds, end_run(identity, seconds, stfs)
            return
        yield tick, message
        stfs, is_begun = stfs + (message["msg_type"] == "stf_gen"), True


def _state(identity: Identity, msg_type: str, tick: float, substate: str, **more: Any) -> Message:
    state = "beam" if msg_type == "run_imminent" else "run"
    return _message(identity, msg_type, tick, state=state, substate=substate, **more)


def _stf_gen(identity: Identity, tick: float, sequence: int) -> Message:
    named = {"filename": identity.filename(sequence), "sequence": sequence}
    states = {"state": "run", "substate": "physics"}
    return _message(identity, "stf_gen", tick, named=named, **states)


def _message(
    identity: Identity, msg_type: str, tick: float, *, named: Message | None = None, **more: Any
) -> Message:
    return {
        "msg_type": msg_type,
        "namespace": identity.namespace,
        "execution_id": identity.execution_id,
        "run_id": identity.run_id,
        **(named or {}),
        "timestamp": identity.time(tick),
        "simulation_tick": tick,
        **more,
        "sender": identity.sender,
    }
