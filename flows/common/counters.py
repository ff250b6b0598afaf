"""Counters that agents and workflows share: run numbers, agents, executions.

Numbers and their keys: fastmon contract sections 3.2 and 4 (`swf_persistent_state`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from flows.common.database import now


class Counter(StrEnum):
    """What is counted, by the word in the keys of its numbers."""

    RUN_NUMBER = "run_number"
    AGENT_ID = "agent_id"
    WORKFLOW_EXECUTION_ID = "workflow_execution_id"


_FIRST: Final = {
    Counter.RUN_NUMBER: 100010,
    Counter.AGENT_ID: 1,
    Counter.WORKFLOW_EXECUTION_ID: 1,
}
_TIME_KEY: Final = {
    Counter.RUN_NUMBER: "last_run_start_time",
    Counter.AGENT_ID: "last_agent_registration_time",
    Counter.WORKFLOW_EXECUTION_ID: "last_workflow_execution_time",
}
_COUNT: Final = text("""
    WITH key (next, last, time) AS (
        VALUES (cast(:next_key AS text), cast(:last_key AS text), cast(:time_key AS text)))
    INSERT INTO swf_persistent_state AS stored (id, state_data, updated_at)
    SELECT 1, jsonb_build_object(next, :first + 1, last, cast(:first AS int),
                                 time, cast(:at AS timestamptz)), :at
    FROM key
    ON CONFLICT (id) DO UPDATE SET
        updated_at = excluded.updated_at,
        state_data = (
            SELECT CASE WHEN jsonb_typeof(stored.state_data) = 'object' THEN stored.state_data
                        ELSE '{}' END
                   || jsonb_build_object(next, number + 1, last, number,
                                         time, cast(:at AS timestamptz))
            FROM key, LATERAL (
                SELECT CASE WHEN jsonb_typeof(stored.state_data -> next) = 'number'
                            THEN cast(stored.state_data ->> next AS int) ELSE :first END
            ) AS counted (number))
    RETURNING cast(state_data ->> cast(:last_key AS text) AS int)
""")


def next_number(session: Session, counter: Counter) -> int:
    """The next number, which nobody else gets: the row is locked until the commit."""
    values = {
        "next_key": f"next_{counter}",
        "last_key": f"last_{counter}",
        "time_key": _TIME_KEY[counter],
        "first": _FIRST[counter],
        "at": now(),
    }
    return int(session.execute(_COUNT, values).scalar_one())
