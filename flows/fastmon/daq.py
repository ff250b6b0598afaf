"""A simulated data-taking run: the messages of the DAQ and of its data agent, with their times.

Pure. Sequence, keys and their order: fast-monitoring contract §1.5 and §1.6(a).
"""

from __future__ import annotations

import heapq
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from blocks.errors import ProdOpsError
from flows.fastmon import schemas

Message = dict[str, Any]

FILE_URL = "file:///simulated/"
LIFECYCLE = schemas.LIFECYCLE
_READY_SECONDS = (0.1, 0.3)  # what a data agent takes for one STF
_END_SECONDS = 0.05  # less, so that a run's last stf_ready comes after its end, as it does
_RATES_HZ = (0.001, 100_000)
_STANDBY_REASON = "Brief standby period"


class BadRunPlan(ProdOpsError):
    """A run that cannot be simulated as asked; the message names what is wrong."""


@dataclass(frozen=True)
class RunPlan:
    """What is simulated.

    ``size_bytes`` or ``tf_count`` of None are what the original data agent sends: a null size
    (with no checksum and no URL), and no TF count at all.
    """

    run_number: int
    stfs: int
    rate_hz: float = 1.0
    namespace: str = "simulation"
    physics_periods: int = 1
    size_bytes: int | None = 2 * 1024**3
    tf_count: int | None = 1000
    user: str = "prodops"
    seed: int = 0
    beam_seconds: float = 0.5
    standby_seconds: float = 0.5
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        _require(self.run_number >= 0, "the run number is negative")
        _require(self.stfs >= 1, "a run has at least one STF")
        _require(_RATES_HZ[0] <= self.rate_hz <= _RATES_HZ[1], f"rates are {_RATES_HZ} Hz")
        _require(1 <= self.physics_periods <= self.stfs, "each physics period has at least one STF")
        _require(self.size_bytes is None or self.size_bytes >= 0, "the size is negative")
        _require(self.tf_count is None or self.tf_count >= 0, "the number of TFs is negative")

    @property
    def run_id(self) -> str:
        """The run number as messages carry it: a string."""
        return str(self.run_number)

    @property
    def execution_id(self) -> str:
        """Name of this execution of the simulation."""
        return f"daq_simulator-{self.user}-{self.run_number:04d}"

    @property
    def daq_name(self) -> str:
        """Sender of the run's own messages."""
        return f"daq_simulator-agent-{self.user}-1"

    @property
    def data_agent_name(self) -> str:
        """Sender of ``stf_ready``."""
        return f"data-agent-{self.user}-1"

    def filename(self, sequence: int) -> str:
        """Name of an STF, counted from one."""
        return f"swf.{self.run_id}.{sequence:06d}.stf"


def simulate_run(plan: RunPlan) -> Iterator[tuple[float, Message]]:
    """Give the run's messages in the order of their times, each with the pause before it.

    Yields:
        Seconds since the message before, and the message. Its times are those of the simulation:
        ``plan.started`` and what has passed since.
    """
    daq = ((tick, 0, message) for tick, message in _daq_messages(plan))
    data_agent = ((tick, 1, message) for tick, message in _data_agent_messages(plan))
    before = 0.0
    for tick, _lane, message in heapq.merge(daq, data_agent, key=lambda item: item[:2]):
        yield tick - before, message
        before = tick


def end_of_run(plan: RunPlan, tick: float, stfs: int) -> Message:
    """Make the message that ends a run, also one that was broken off after ``stfs`` STFs."""
    return _daq_message(plan, "end_run", tick, total_stf_files=stfs)


def _require(is_met: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not is_met:
        raise BadRunPlan(f"cannot simulate this run: {what}")


def _daq_messages(plan: RunPlan) -> Iterator[tuple[float, Message]]:
    yield 0.0, _state(plan, "run_imminent", 0.0, "not_ready")
    end = 0.0
    for period in _periods(plan):
        if period.first > 1:
            pause = _state(plan, "pause_run", end, "standby", reason=_STANDBY_REASON)
            yield end, pause
        opening = "resume_run" if period.first > 1 else "start_run"
        yield period.begin, _state(plan, opening, period.begin, "physics")
        for sequence, tick in period.stfs(plan.rate_hz):
            yield tick, _stf_gen(plan, tick, sequence)
        end = period.end(plan.rate_hz)
    yield end, end_of_run(plan, end, plan.stfs)


@dataclass(frozen=True)
class _Period:
    """A physics period: when it begins, and the sequence numbers of its first STF and the next."""

    begin: float
    first: int
    beyond: int

    def stfs(self, rate_hz: float) -> Iterator[tuple[int, float]]:
        for sequence in range(self.first, self.beyond):
            yield sequence, round(self.begin + (sequence - self.first + 1) / rate_hz, 6)

    def end(self, rate_hz: float) -> float:
        physics_seconds = (self.beyond - self.first) / rate_hz
        return round(self.begin + physics_seconds + min(_END_SECONDS, 1 / rate_hz), 6)


def _periods(plan: RunPlan) -> Iterator[_Period]:
    begin, first = plan.beam_seconds, 1
    each, left = divmod(plan.stfs, plan.physics_periods)
    for number in range(plan.physics_periods):
        period = _Period(begin, first, first + each + (number < left))
        yield period
        first = period.beyond
        begin = round(period.end(plan.rate_hz) + plan.standby_seconds, 6)


def _data_agent_messages(plan: RunPlan) -> Iterator[tuple[float, Message]]:
    draw = random.Random(plan.seed)  # noqa: S311 - a simulation, to be the same every time
    ready = 0.0
    for period in _periods(plan):
        for sequence, tick in period.stfs(plan.rate_hz):
            # One agent works through the STFs, so that none overtakes another.
            ready = max(ready, round(tick + draw.uniform(*_READY_SECONDS), 6))
            yield ready, _stf_ready(plan, tick, ready, sequence)


def _state(plan: RunPlan, msg_type: str, tick: float, substate: str, **more: Any) -> Message:
    state = "beam" if msg_type == "run_imminent" else "run"
    return _daq_message(plan, msg_type, tick, state=state, substate=substate, **more)


def _stf_gen(plan: RunPlan, tick: float, sequence: int) -> Message:
    named = {"filename": plan.filename(sequence), "sequence": sequence}
    states = {"state": "run", "substate": "physics"}
    return _daq_message(plan, "stf_gen", tick, named=named, **states)


def _daq_message(
    plan: RunPlan, msg_type: str, tick: float, *, named: Message | None = None, **more: Any
) -> Message:
    return {
        "msg_type": msg_type,
        "namespace": plan.namespace,
        "execution_id": plan.execution_id,
        "run_id": plan.run_id,
        **(named or {}),
        "timestamp": _time(plan, tick),
        "simulation_tick": tick,
        **more,
        "sender": plan.daq_name,
    }


def _stf_ready(plan: RunPlan, tick: float, ready: float, sequence: int) -> Message:
    filename = plan.filename(sequence)
    has_size = plan.size_bytes is not None
    counted = {} if plan.tf_count is None else {"tf_count": plan.tf_count}
    return {
        "msg_type": "stf_ready",
        "namespace": plan.namespace,
        "filename": filename,
        "run_id": plan.run_id,
        "file_url": f"{FILE_URL}{filename}" if has_size else None,
        "checksum": _checksum(filename) if has_size else None,
        "size_bytes": plan.size_bytes,
        "start": _time(plan, tick - 1 / plan.rate_hz) if has_size else None,
        "end": _time(plan, tick) if has_size else None,
        "state": "run",
        "substate": "physics",
        "sequence": sequence,
        "simulation_tick": tick,
        "processed_by": plan.data_agent_name,
        # The original loses the execution and has no time here; more keys hurt no reader (§1.9).
        **counted,
        "execution_id": plan.execution_id,
        "timestamp": _time(plan, ready),
        "sender": plan.data_agent_name,
    }


def _checksum(filename: str) -> str:
    """Rucio's form of an adler32, here of the name, since a simulated file has no content."""
    return f"ad:{zlib.adler32(filename.encode()):08x}"


def _time(plan: RunPlan, tick: float) -> str:
    return (plan.started + timedelta(seconds=tick)).isoformat(timespec="microseconds")
