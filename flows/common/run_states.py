"""The state of each data-taking run, as its lifecycle messages bring it forward.

Source: fastmon contract section 1.10, item 4 (MO-rs:24-103).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

LIFECYCLE: Final = frozenset({"run_imminent", "start_run", "pause_run", "resume_run", "end_run"})
_PHYSICS: Final = LIFECYCLE - {"run_imminent", "end_run"}
_LONGEST_WORD: Final = 20
_MOST: Final = 2**31 - 1

# A run that is completed stays so: a message that comes late reopens nothing.
_ADVANCE: Final = text("""
    INSERT INTO swf_run_state AS old (run_number, phase, state, substate, target_worker_count,
        active_worker_count, stf_samples_received, slices_created, slices_queued,
        slices_processing, slices_completed, slices_failed, state_changed_at, updated_at, metadata)
    SELECT run_number, phase, state, substate, 0, 0, 0, 0, 0, 0, 0, 0, :at, :at, metadata
    FROM jsonb_to_recordset(cast(:rows AS jsonb)) AS new (
        run_number int, phase text, state text, substate text, metadata jsonb)
    ORDER BY run_number  -- so that two transactions never wait for each other
    ON CONFLICT (run_number) DO UPDATE SET
        phase = excluded.phase, state = excluded.state, substate = excluded.substate,
        state_changed_at = excluded.state_changed_at, updated_at = excluded.updated_at,
        metadata = excluded.metadata || coalesce(old.metadata, '{}')
    WHERE old.phase <> 'completed'
""")


def advance(session: Session, messages: Iterable[Mapping[str, Any]], at: datetime) -> None:
    """Bring the runs' states forward by lifecycle messages, given in order; others are passed by.

    A message whose run is no integer, or that is late for a run that has ended, changes nothing.
    """
    rows: dict[int, dict[str, Any]] = {}
    for message in messages:
        number = _run_number(message.get("run_id"))
        if message.get("msg_type") not in LIFECYCLE or number is None:
            continue
        before = rows.get(number)
        if before is None or before["phase"] != "completed":
            rows[number] = _row(number, message, before)
    if rows:
        session.execute(_ADVANCE, {"rows": json.dumps(list(rows.values())), "at": at})


def _row(
    number: int, message: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    execution_id = message.get("execution_id")
    metadata = {"execution_id": execution_id} if isinstance(execution_id, str) else {}
    phase, state, substate = _state(message)
    return {
        "run_number": number,
        "phase": phase,
        "state": state,
        "substate": substate,
        "metadata": metadata | (before["metadata"] if before else {}),
    }


def _state(message: Mapping[str, Any]) -> tuple[str, str, str | None]:
    kind = message["msg_type"]
    if kind == "end_run":
        return "completed", "ended", None
    state, substate = (_word(message.get(key)) for key in ("state", "substate"))
    if kind in _PHYSICS:
        return "physics", state or "run", substate
    return "initializing", state or "imminent", substate or "preparing"


def _word(value: object) -> str | None:
    return value[:_LONGEST_WORD] if isinstance(value, str) and value else None


def _run_number(run_id: object) -> int | None:
    """The run's number; messages carry it as text, or as an integer."""
    if isinstance(run_id, bool) or not re.fullmatch(r"[0-9]{1,10}", str(run_id)):
        return None
    number = int(str(run_id))
    return number if number <= _MOST else None
