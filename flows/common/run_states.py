"""The states of data-taking runs, as the lifecycle messages advance them.

Source: fastmon contract section 1.10, item 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

from flows.common.database import json_row

LIFECYCLE: Final = frozenset({"run_imminent", "start_run", "pause_run", "resume_run", "end_run"})
"""The messages that a run's state follows."""
_END: Final = "end_run"
_EXPECTED: Final = "run_imminent"


class RunPhase(StrEnum):
    """Phase of a run (contract section 4)."""

    INITIALIZING = "initializing"
    PHYSICS = "physics"
    COMPLETED = "completed"


class LifecycleMessage(Protocol):
    """What is read of a lifecycle message; a state or substate of None says nothing."""

    @property
    def msg_type(self) -> str:
        """One of `LIFECYCLE`."""

    @property
    def run_number(self) -> int | None:
        """The run; None where the message's is no number."""

    @property
    def state(self) -> str | None:
        """State of the data acquisition."""

    @property
    def substate(self) -> str | None:
        """Its substate."""

    @property
    def execution_id(self) -> str | None:
        """The workflow's execution."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunChange:
    """What changes of a run's state; a phase, state or substate of None stays as it was."""

    run_number: int
    phase: RunPhase | None = None
    state: str | None = None
    substate: str | None = None
    execution_id: str | None = None


def advance(session: Session, messages: Iterable[LifecycleMessage], at: datetime) -> None:
    """Advance the states of the runs that `messages` are of, in their order.

    A run that has ended stays ended, whatever still comes of it.
    """
    changes = fold(messages)
    if changes:
        _write(session, changes, at)


def fold(messages: Iterable[LifecycleMessage]) -> list[RunChange]:
    """What the messages change of each run, taken together; ordered by the run's number. Pure."""
    changes: dict[int, RunChange] = {}
    for message in messages:
        if (number := message.run_number) is not None:
            change = changes.get(number, RunChange(run_number=number))
            changes[number] = _after(change, message)
    return [changes[number] for number in sorted(changes)]


def _after(change: RunChange, message: LifecycleMessage) -> RunChange:
    """The change, and then what the message changes."""
    change = replace(change, execution_id=change.execution_id or message.execution_id)
    if change.phase is RunPhase.COMPLETED:
        return change
    if message.msg_type == _END:
        return replace(change, phase=RunPhase.COMPLETED, state="ended", substate=None)
    return replace(
        change,
        phase=change.phase if message.msg_type == _EXPECTED else RunPhase.PHYSICS,
        state=message.state or change.state,
        substate=message.substate or change.substate,
    )


_OPEN_RUNS: Final = text("""
    INSERT INTO swf_run_state
        (run_number, phase, state, substate, target_worker_count, active_worker_count,
         stf_samples_received, slices_created, slices_queued, slices_processing,
         slices_completed, slices_failed, state_changed_at, updated_at)
    SELECT run_number, 'initializing', 'imminent', 'preparing', 0, 0, 0, 0, 0, 0, 0, 0, :at, :at
    FROM unnest(cast(:numbers AS int[])) AS run_number
    ON CONFLICT DO NOTHING
""")
# Locked in the order of their numbers, so that two transactions never wait for each other.
_ADVANCE_RUNS: Final = text("""
    WITH change AS (
        SELECT * FROM json_to_recordset(cast(:rows AS json)) AS row (
            run_number int, phase text, state text, substate text, execution_id text)),
    locked AS MATERIALIZED (
        SELECT run_number FROM swf_run_state JOIN change USING (run_number)
        ORDER BY run_number FOR UPDATE OF swf_run_state)
    UPDATE swf_run_state AS run SET
        phase = coalesce(change.phase, run.phase),
        state = coalesce(change.state, run.state),
        substate = CASE WHEN change.phase = 'completed' THEN NULL
                        ELSE coalesce(change.substate, run.substate) END,
        state_changed_at = CASE
            WHEN (run.phase, run.state, run.substate) IS DISTINCT FROM
                 (coalesce(change.phase, run.phase), coalesce(change.state, run.state),
                  CASE WHEN change.phase = 'completed' THEN NULL
                       ELSE coalesce(change.substate, run.substate) END)
            THEN :at ELSE run.state_changed_at END,
        updated_at = :at,
        metadata = CASE WHEN change.execution_id IS NULL THEN run.metadata
            ELSE jsonb_build_object('execution_id', change.execution_id)
                 || coalesce(run.metadata, '{}') END
    FROM change JOIN locked USING (run_number)
    WHERE run.run_number = change.run_number AND run.phase <> 'completed'
""")


def _write(session: Session, changes: Sequence[RunChange], at: datetime) -> None:
    """Change runs' states, and begin those of runs that are new; one that is completed stays.

    An execution's id that is known of a run stays too.
    """
    numbers = [each.run_number for each in changes]
    rows = "[" + ",".join(json_row(asdict(each)) for each in changes) + "]"
    session.execute(_OPEN_RUNS, {"numbers": sorted(numbers), "at": at})
    session.execute(_ADVANCE_RUNS, {"rows": rows, "at": at})
