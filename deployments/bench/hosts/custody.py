"""Who has each request in hand, looked at again and again: nobody takes a healthy worker's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy import text

from deployments.bench.common.stack import BenchStack
from flows.common.database import transaction
from flows.common.models import HELD

EVERY_SECONDS: Final = 0.25
_HELD: Final = text("SELECT id, attempts, worker FROM request WHERE state = ANY(:states)")


class Taken(NamedTuple):
    """A request that went from one worker to another in the middle of an attempt."""

    request_id: int
    attempt: int
    lost_by: str
    taken_by: str

    def __str__(self) -> str:
        return f"request {self.request_id}: {self.lost_by} lost it to {self.taken_by}"


@dataclass
class Custody:
    """Looks at a stack's requests, and keeps who took what from whom.

    An attempt is one worker's: another that has it has taken it over.
    """

    running: BenchStack
    taken: list[Taken] = field(default_factory=list)
    _holders: dict[tuple[int, int], str] = field(default_factory=dict)

    def look(self) -> None:
        """Look once."""
        with transaction(self.running.engine) as session:
            rows = session.execute(_HELD, {"states": [each.value for each in HELD]}).tuples()
            held = {(number, attempt): worker for number, attempt, worker in rows}
        for (number, attempt), worker in held.items():
            before = self._holders.get((number, attempt), worker)
            if before != worker:
                self.taken.append(Taken(number, attempt, before, worker))
        self._holders |= held
