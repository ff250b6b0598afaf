"""The faults: each begins, ends, and can tell when what it struck answers again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

import psycopg

from deployments.bench.outage.disk import SmallDisk
from deployments.bench.outage.outside import Part, Prefect, Superuser
from deployments.bench.outage.schedules import BY_BUS, Kind, Schedule, Way
from deployments.sandbox.broker.access import broker_home
from deployments.sandbox.broker.readiness import accepts
from deployments.stack.parts import BROKER
from deployments.stack.provision import provision
from deployments.stack.stack import Stack

_END_SESSIONS: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_RELOAD: Final = "SELECT pg_reload_conf()"
_SEGMENTS: Final = 40  # more than PostgreSQL keeps ready


class Fault(Protocol):
    """Something that is wrong for a while."""

    def begin(self) -> None:
        """Let it be wrong."""

    def end(self) -> None:
        """Let it be right again; harmless where it is."""

    def answers_again(self) -> bool:
        """Whether what was struck does its work again."""


class ReadOnly:
    """PostgreSQL takes no writes, as after a failover; every session was ended."""

    def __init__(self, superuser: Superuser) -> None:
        self._superuser = superuser

    def begin(self) -> None:
        """Refuse writes."""
        self._superuser.do("ALTER SYSTEM SET default_transaction_read_only = on", _RELOAD)
        self._superuser.do(_END_SESSIONS)

    def end(self) -> None:
        """Take writes again."""
        self._superuser.do("ALTER SYSTEM RESET default_transaction_read_only", _RELOAD)

    def answers_again(self) -> bool:
        """Whether it takes a write."""
        return self._superuser.can_write()


class PartAway:
    """A part is stopped or frozen; one that is restarted is started by `begin` itself."""

    def __init__(self, part: Part, way: Way, answers: Callable[[], bool]) -> None:
        self._part = part
        self._way = way
        self.answers_again = answers

    def begin(self) -> None:
        """Stop, kill or freeze it."""
        if self._way is Way.FROZEN:
            self._part.freeze()
        elif self._way is Way.KILLED:
            self._part.kill()
        else:
            self._part.stop()

    def end(self) -> None:
        """Let it go on, or start it."""
        if self._way is Way.FROZEN:
            self._part.thaw()
        else:
            self._part.start()


class Full:
    """The file system of PostgreSQL's data has no room left."""

    def __init__(self, superuser: Superuser, disk: SmallDisk, way: Way) -> None:
        self._superuser = superuser
        self._disk = disk
        self._is_wal_used_up = way is Way.NO_WAL

    def begin(self) -> None:
        """Fill it; and use up the WAL that PostgreSQL holds ready, where that is wanted."""
        self._disk.fill()
        if self._is_wal_used_up:
            with suppress(psycopg.Error):  # it panics
                for _ in range(_SEGMENTS):
                    self._superuser.do(
                        "SELECT pg_logical_emit_message(false, 'outage', '')",
                        "SELECT pg_switch_wal()",
                    )

    def end(self) -> None:
        """Make room."""
        self._disk.make_room()

    def answers_again(self) -> bool:
        """Whether it takes a write."""
        return self._superuser.can_write()


class PrefectWiped:
    """Prefect's database is dropped and made anew, empty; its server is away meanwhile."""

    def __init__(self, stack: Stack, superuser: Superuser, prefect: Prefect) -> None:
        self._stack = stack
        self._superuser = superuser
        self._part = Part(stack, "prefect")
        self.answers_again = prefect.answers

    def begin(self) -> None:
        """Stop the server, and lose all that it had."""
        self._part.stop()
        self._superuser.do("DROP DATABASE prefect WITH (FORCE)")

    def end(self) -> None:
        """Make an empty database, and start the server on it."""
        provision(self._stack.settings)
        self._part.start()


class BrokerEmptied:
    """The broker is killed, and comes back without messages and subscriptions."""

    def __init__(self, stack: Stack) -> None:
        self._part = Part(stack, BROKER)
        self._data = broker_home(stack.settings) / "data"
        self.answers_again = partial(accepts, stack.settings)

    def begin(self) -> None:
        """Kill it, and lose all that it kept."""
        self._part.kill()
        shutil.rmtree(self._data)

    def end(self) -> None:
        """Start it."""
        self._part.start()


class Deleted:
    """Something that Prefect knew is deleted by its API; Prefect itself answers all the time."""

    def __init__(self, delete: Callable[[], None], prefect: Prefect) -> None:
        self.begin = delete
        self.answers_again = prefect.answers

    def end(self) -> None:
        """Nothing is to be undone: that it comes back is the product's part."""


def fault_of(
    schedule: Schedule, stack: Stack, prefect: Prefect, disk: SmallDisk | None
) -> Fault | None:
    """The fault of a schedule; None where it cannot be played here."""
    superuser = Superuser(stack)
    if schedule.kind in BY_BUS and not stack.settings.sandbox.broker:
        return None
    if schedule.kind is Kind.FULL:
        return Full(superuser, disk, schedule.way) if disk is not None else None
    of_postgres = partial(PartAway, Part(stack, "postgres"), schedule.way, superuser.can_write)
    makers: dict[Kind, Callable[[], Fault]] = {
        Kind.READ_ONLY: lambda: ReadOnly(superuser),
        Kind.AWAY: of_postgres,
        Kind.RESTARTED: of_postgres,
        Kind.PREFECT_AWAY: lambda: PartAway(Part(stack, "prefect"), schedule.way, prefect.answers),
        Kind.PREFECT_WIPED: lambda: PrefectWiped(stack, superuser, prefect),
        Kind.DEPLOYMENT_DELETED: lambda: Deleted(
            lambda: prefect.delete_deployment(schedule.deployment), prefect
        ),
        Kind.POOL_DELETED: lambda: Deleted(prefect.delete_pool, prefect),
        Kind.BROKER_AWAY: lambda: PartAway(
            Part(stack, BROKER), schedule.way, partial(accepts, stack.settings)
        ),
        Kind.BROKER_EMPTIED: lambda: BrokerEmptied(stack),
    }
    return makers[schedule.kind]()
