"""A simulated run at a rate: the messages of the DAQ and of its data agent, with their times.

Keys and their order: fast-monitoring contract sections 1.5 and 1.6(a).
"""

from __future__ import annotations

import heapq
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from blocks.errors import ProdOpsError
from flows.common.run_states import LIFECYCLE
from flows.workflows.domain.data_taking import (
    Identity,
    Message,
    Period,
    Timing,
    end_run,
    periods,
    take_data,
)

__all__ = ["LIFECYCLE", "BadRunPlan", "Message", "RunPlan", "end_of_run", "simulate_run"]

FILE_URL = "file:///simulated/"
_READY_SECONDS = (0.1, 0.3)  # what a data agent takes for one STF
_END_SECONDS = 0.05  # less, so that a run's last stf_ready comes after its end, as it does
_RATES_HZ = (0.001, 100_000)


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

    @property
    def identity(self) -> Identity:
        """Whose the run's own messages are."""
        return Identity(
            run_number=self.run_number,
            namespace=self.namespace,
            execution_id=self.execution_id,
            sender=self.daq_name,
            started=self.started,
        )

    @property
    def timing(self) -> Timing:
        """When what happens."""
        interval = 1 / self.rate_hz
        return Timing(
            before_start=self.beam_seconds,
            before_first_stf=interval,
            stf_interval=interval,
            after_last_stf=min(_END_SECONDS, interval),
            standby=self.standby_seconds,
        )

    def periods(self) -> Iterator[Period]:
        """The physics periods, among which the STFs are divided."""
        each, left = divmod(self.stfs, self.physics_periods)
        counts = (each + (number < left) for number in range(self.physics_periods))
        return periods(self.timing, counts)


def simulate_run(plan: RunPlan) -> Iterator[tuple[float, Message]]:
    """Give the run's messages in the order of their times, each with the pause before it.

    Yields:
        Seconds since the message before, and the message. Its times are those of the simulation:
        ``plan.started`` and what has passed since.
    """
    daq = take_data(plan.identity, plan.timing, plan.periods())
    lanes = (
        ((tick, 0, message) for tick, message in daq),
        ((tick, 1, message) for tick, message in _data_agent_messages(plan)),
    )
    before = 0.0
    for tick, _lane, message in heapq.merge(*lanes, key=lambda item: item[:2]):
        yield tick - before, message
        before = tick


def end_of_run(plan: RunPlan, tick: float, stfs: int) -> Message:
    """Make the message that ends a run, also one that was broken off after ``stfs`` STFs."""
    return end_run(plan.identity, tick, stfs)


def _require(is_met: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not is_met:
        raise BadRunPlan(f"cannot simulate this run: {what}")


def _data_agent_messages(plan: RunPlan) -> Iterator[tuple[float, Message]]:
    draw = random.Random(plan.seed)  # noqa: S311 - a simulation, to be the same every time
    ready = 0.0
    for period in plan.periods():
        for sequence, tick in period.stfs():
            # One agent works through the STFs, so that none overtakes another.
            ready = max(ready, round(tick + draw.uniform(*_READY_SECONDS), 6))
            yield ready, _stf_ready(plan, tick, ready, sequence)


def _stf_ready(plan: RunPlan, tick: float, ready: float, sequence: int) -> Message:
    identity = plan.identity
    filename = identity.filename(sequence)
    has_size = plan.size_bytes is not None
    counted = {} if plan.tf_count is None else {"tf_count": plan.tf_count}
    return {
        "msg_type": "stf_ready",
        "namespace": plan.namespace,
        "filename": filename,
        "run_id": plan.run_id,
        "file_url": f"{FILE_URL}{filename}" if has_size else None,
        "checksum": simulated_checksum(filename) if has_size else None,
        "size_bytes": plan.size_bytes,
        "start": identity.time(tick - 1 / plan.rate_hz) if has_size else None,
        "end": identity.time(tick) if has_size else None,
        "state": "run",
        "substate": "physics",
        "sequence": sequence,
        "simulation_tick": tick,
        "processed_by": plan.data_agent_name,
        # The original loses the execution and has no time here; more keys hurt no reader (§1.9).
        **counted,
        "execution_id": plan.execution_id,
        "timestamp": identity.time(ready),
        "sender": plan.data_agent_name,
    }


def simulated_checksum(filename: str) -> str:
    """Rucio's form of an adler32, here of the name, since a simulated file has no content."""
    return f"ad:{zlib.adler32(filename.encode()):08x}"
