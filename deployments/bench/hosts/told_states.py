"""Whether each state that Prefect's runs took is an event, and each such event a state."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection, create_engine, make_url, text

from deployments.bench.common.stack import BenchStack
from deployments.bench.outage.checks import Breach, BreachKind
from deployments.stack.credentials import Credentials
from deployments.stack.prefect_server import database_url
from flows.common.database import transaction

States = Counter[tuple[str, str, datetime]]
"""States by the id of the run, their name and their time."""

_TAKEN = text("""
    SELECT state.flow_run_id::text, state.name, state.timestamp
    FROM flow_run AS run JOIN flow_run_state AS state ON state.flow_run_id = run.id
    WHERE run.created > :since AND run.deployment_id IS NOT NULL AND run.state_type <> 'SCHEDULED'
""")
_TOLD = text("""
    SELECT payload ->> 'flow_run_id', payload ->> 'state_name',
           (payload ->> 'timestamp')::timestamptz
    FROM event WHERE id > :after AND msg_type = 'flow_run_state'
""")


class ToldStates:
    """Compares Prefect's database with the events."""

    def __init__(self, running: BenchStack) -> None:
        self._running = running
        stack = running.stack
        self._engine = create_engine(
            make_url(database_url(stack.settings)).set(drivername="postgresql+psycopg"),
            connect_args={"passfile": os.fspath(Credentials(stack.layout.secrets).prefect)},
            pool_size=1,
        )

    def differ(self, *, since: float, after: int) -> list[Breach]:
        """What is not told, or told and not so.

        Args:
            since: Runs that were made later are compared, in Unix time.
            after: Events after this id are.
        """
        with self._engine.connect() as connection:
            taken = _states(connection, since)
        with transaction(self._running.engine) as session:
            rows = session.execute(_TOLD, {"after": after}).tuples()
            told: States = Counter((run, name, at) for run, name, at in rows)
        return list(differences(taken, told))

    def close(self) -> None:
        """Leave Prefect's database."""
        self._engine.dispose()


@contextmanager
def told_states(running: BenchStack) -> Iterator[ToldStates]:
    """A comparison of the stack's two databases."""
    compared = ToldStates(running)
    try:
        yield compared
    finally:
        compared.close()


def differences(taken: States, told: States) -> Iterator[Breach]:
    """What the two do not have in common, of the runs that took states.

    Args:
        taken: What Prefect has.
        told: The events, of whichever runs.
    """
    runs = {run for run, _, _ in taken}
    ours: States = Counter({each: number for each, number in told.items() if each[0] in runs})
    for kind, left, what in (
        (BreachKind.LOST, taken - ours, "is no event"),
        (BreachKind.DOUBLED, ours - taken, "is an event too many"),
    ):
        for run, name, at in left.elements():
            yield Breach(kind, f"the state {name} of run {run} at {at:%H:%M:%S} {what}")


def _states(connection: Connection, since: float) -> States:
    rows = connection.execute(_TAKEN, {"since": datetime.fromtimestamp(since, UTC)}).tuples()
    return Counter((run, name, at) for run, name, at in rows)
