"""Which attempts at requests ended how, and whose they were: nobody takes a healthy worker's.

A trigger of the bench's own database notes every change, so that none is missed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import text

from deployments.bench.common.stack import BenchStack
from deployments.bench.outage.checks import Breach, BreachKind
from flows.common.database import transaction
from flows.common.models import HELD, RequestState

_OVER: Final = {RequestState.COMPLETED, RequestState.FAILED, RequestState.CANCELLED}
_LOST: Final = re.compile(r"worker (\S+) was lost while it held the request")
_TABLE: Final = text("""
    CREATE TABLE bench_attempt_end (
      id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
      request_id bigint NOT NULL, action text NOT NULL, attempt int NOT NULL, worker text NOT NULL,
      claimed_at timestamptz, became text NOT NULL, error text)
""")
_NOTE: Final = text("""
    CREATE FUNCTION bench_note_attempt_end() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN
      INSERT INTO bench_attempt_end
        (request_id, action, attempt, worker, claimed_at, became, error)
      VALUES
        (OLD.id, OLD.action, OLD.attempts, OLD.worker, OLD.claimed_at, NEW.state, NEW.error);
      RETURN NULL;
    END $$
""")
_TRIGGER: Final = text("""
    CREATE TRIGGER bench_note_attempt_end AFTER UPDATE ON request FOR EACH ROW
    WHEN (OLD.state IN ('claimed', 'running') AND (
      NEW.state NOT IN ('claimed', 'running')
      OR NEW.worker IS DISTINCT FROM OLD.worker OR NEW.attempts <> OLD.attempts))
    EXECUTE FUNCTION bench_note_attempt_end()
""")
_ENDS: Final = text("""
    SELECT at, request_id, action, attempt, worker, claimed_at, became, error
    FROM bench_attempt_end WHERE id > :after ORDER BY id
""")
_NEWEST: Final = "SELECT coalesce(max(id), 0) FROM bench_attempt_end"


class AttemptEnd(NamedTuple):
    """How an attempt at a request ended.

    Attributes:
        worker: Who held it.
        claimed_at: Since when.
        became: The state of the request then.
    """

    at: datetime
    request_id: int
    action: str
    attempt: int
    worker: str
    claimed_at: datetime
    became: str
    error: str | None

    @property
    def lost_by(self) -> str | None:
        """The worker that it was taken from; None where it ended otherwise."""
        if self.became in HELD:
            return self.worker
        found = _LOST.search(self.error or "")
        return found[1] if found else None

    def __str__(self) -> str:
        return (
            f"{self.at:%H:%M:%S} attempt {self.attempt} at request {self.request_id} "
            f"({self.action}) of {self.worker}: {self.became}, {self.error}"
        )


class Custody:
    """Notes the end of every attempt at a request of a stack from now on."""

    def __init__(self, running: BenchStack) -> None:
        self._running = running
        with transaction(running.engine) as session:
            for statement in (_TABLE, _NOTE, _TRIGGER):
                session.execute(statement)

    def place(self) -> int:
        """Where the notes end now."""
        return self._running.count(_NEWEST)

    def since(self, place: int) -> list[AttemptEnd]:
        """The attempts that have ended after a place, in order."""
        with transaction(self._running.engine) as session:
            return [AttemptEnd(*row) for row in session.execute(_ENDS, {"after": place})]


@dataclass(frozen=True)
class Excuse:
    """A worker that was struck, from which others may take what it held then.

    Attributes:
        back_at: When it was well again, in Unix time: what it claimed afterwards is its own.
        until: When all that it lost must have been taken over.
    """

    worker: str
    back_at: float
    until: float

    def covers(self, end: AttemptEnd) -> bool:
        """Whether the attempt might be taken from it."""
        is_older = end.claimed_at.timestamp() <= self.back_at
        return end.lost_by == self.worker and is_older and end.at.timestamp() <= self.until


def taken(ends: Sequence[AttemptEnd], excuse: Excuse | None) -> Iterator[Breach]:
    """What was taken from a worker that was well."""
    for each in ends:
        if each.lost_by is not None and not (excuse and excuse.covers(each)):
            yield Breach(BreachKind.TAKEN, str(each))


def given_back(ends: Sequence[AttemptEnd]) -> Counter[str]:
    """Why attempts ended without an end of their request, besides a lost worker."""
    return Counter(
        f"{each.became}: {each.error}"
        for each in ends
        if each.became not in _OVER and each.lost_by is None
    )
