"""The parameters of a workflow, as those read them who act on them.

Sections and keys: fast-monitoring contract section 5.10.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from flows.workflows.domain.data_taking import Timing

_SENDING_SECONDS: Final = 0.1
"""What sending one message takes in simulated time (source: TB-dt)."""

Seconds = Annotated[float, Field(ge=0, le=31 * 86400)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class _Section(BaseModel):
    """A section of a configuration. Numbers are numbers: no text is read as one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DaqStateMachine(_Section):
    """When the data acquisition does what."""

    no_beam_not_ready_delay: Seconds
    broadcast_delay: Seconds
    beam_not_ready_delay: Seconds
    beam_ready_delay: Seconds
    beam_not_ready_end_delay: Seconds
    stf_interval: Seconds
    stf_interval_spread: Annotated[float, Field(ge=0, le=1)]
    stf_generation_time: Seconds
    stf_count: Count
    physics_period_duration: Seconds
    physics_period_count: Count
    standby_duration: Seconds

    @property
    def is_endless(self) -> bool:
        """Whether its physics periods go on for ever."""
        return self.physics_period_count == 0

    @property
    def timing(self) -> Timing:
        """When what happens."""
        announced = _SENDING_SECONDS + self.broadcast_delay
        return Timing(
            before_imminent=self.no_beam_not_ready_delay,
            before_start=announced + self.beam_not_ready_delay + self.beam_ready_delay,
            before_first_stf=announced,
            stf_interval=self._making_seconds + self.stf_interval,
            stf_interval_spread=self.stf_interval_spread,
            after_last_stf=self._after_last_stf,
            standby=announced + self.standby_duration,
            after_end=announced + self.beam_not_ready_end_delay,
        )

    def stf_counts(self) -> Iterable[int]:
        """How many STFs each physics period has; without end where there are endlessly many."""
        if self.is_endless:
            return itertools.repeat(self._stfs_of_a_period)
        return itertools.repeat(self._stfs_of_a_period, self.physics_period_count)

    @property
    def _making_seconds(self) -> float:
        return _SENDING_SECONDS + self.stf_generation_time

    @property
    def _stfs_of_a_period(self) -> int:
        """As many as asked for; else as many as begin before the period's duration is over."""
        interval = self._making_seconds + self.stf_interval
        begun = math.ceil(round(self.physics_period_duration / interval, 6))
        return self.stf_count or begun

    @property
    def _after_last_stf(self) -> float:
        """The next one is still waited for, if the last is made before the duration is over."""
        interval = self._making_seconds + self.stf_interval
        made = (self._stfs_of_a_period - 1) * interval + self._making_seconds
        is_waited_for = not self.stf_count and round(made, 6) < self.physics_period_duration
        return interval if is_waited_for else self._making_seconds


class FastProcessing(_Section):
    """How TF files are cut into slices, and what the workers are told."""

    num_tf_per_slice: Count = 2
    slices_per_sample: Annotated[int, Field(ge=1, le=100_000)] = 15
    target_worker_count: Count = 0
    core_count: Count = 1
    slice_processing_time: Seconds = 0.0
    worker_rampup_time: Seconds = 0.0
    worker_rampdown_time: Seconds = 0.0


class StfProcessing(_Section):
    """Whole STFs are processed: nothing of it is configured here."""


DAQ: Final = "daq_state_machine"
WORKFLOW_SECTIONS: Final[dict[str, type[_Section]]] = {
    "fast_processing": FastProcessing,
    "stf_processing": StfProcessing,
}
"""Sections of one workflow: what stands in them of the state machine overrides its own section,
the later the earlier (source: TB-dt:12-23)."""

READABLE: Final[dict[str, frozenset[str]]] = {
    DAQ: frozenset(DaqStateMachine.model_fields),
    **{
        name: frozenset(form.model_fields) | frozenset(DaqStateMachine.model_fields)
        for name, form in WORKFLOW_SECTIONS.items()
    },
}
"""The keys of each section that somebody reads."""
