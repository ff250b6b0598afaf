"""`prodops bridge`: the bridge's process: one of several works, connects, and connects again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from sqlalchemy.orm import Session as SqlSession

from blocks.back_off import BackOff
from blocks.documents import BlocksUnavailable, BlockUnusable
from blocks.message_broker.access import BrokerAccess
from blocks.message_broker.configuration import BrokerConfiguration
from blocks.message_broker.errors import BadLogin, BrokerUnavailable
from blocks.message_broker.frames import Subscription
from deployments.agent_row import ops_agent_name
from deployments.bridge import commands, workflows
from deployments.bridge.control import Control
from deployments.bridge.passing import Passing
from deployments.bridge.publishing import Publisher
from deployments.bridge.reading import Read
from deployments.bridge.report import BridgeReport
from deployments.bridge.session import AnotherBridgeWorks, Session
from deployments.bridge.taking import Command, Taker
from deployments.isolation import say_once
from deployments.schema import await_schema
from deployments.service_manager.notification import service_manager
from deployments.service_manager.outages import is_database_away
from deployments.singletons import Singletons
from deployments.stack.layout import Layout
from deployments.stack.parts import EXIT_DELIBERATE
from deployments.unit import main_pid
from flows.common.database import PART_LIMITS, make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.events import NewEvent
from flows.common.outsides import BROKER
from flows.common.settings import BadSetting, Settings
from flows.common.settings.bus import BusSettings
from flows.common.sources import Sources
from flows.common.standing import BridgeCondition
from flows.messages import repository

_LOCK: Final = "bridge"
_PAUSES: Final = BackOff(first_seconds=0.2, longest_seconds=5.0)
_STAND_BY_SECONDS: Final = 1.0


def run(settings: Settings) -> int:
    """Run the bridge until SIGTERM or `shutdown`; gives the process's exit code.

    Raises:
        BadSetting: No broker is set, there is nothing to do on it, or a request that is to be
            taken is unknown.
        SchemaDiffers: The database's schema is not the one of this version.
    """
    if not settings.bus.is_used:
        raise BadSetting(
            "setting PRODOPS_BUS_HOST is unset, or everything on the bus is switched off: there is "
            "nothing to bridge"
        )
    await_schema()
    return _Service(settings).run()


class _Service:
    """One bridge's life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bus = settings.bus
        self._engine = make_engine(pool_size=3, limits=PART_LIMITS)
        self._stopping = threading.Event()
        self._control = Control(self._bus, ops_agent_name(), main_pid(settings))
        self._passing = Passing.of(self._bus)
        self._report = BridgeReport(self._engine, self._bus, self._passing)
        self._failures = 0  # of the broker, since it was last reached

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        manager = service_manager()
        manager.ready("connects")  # a broker that is away is waited for, and fails no start
        manager.watchdog.excuse(is_database_away)
        with (
            self._report.repeated(),
            Singletons() as locks,
            manager.watchdog.following("messages") as round_done,
        ):
            while not self._is_over():
                pause_seconds = self._once(locks, round_done)
                round_done()
                Layout(self._settings.stack.state_dir).say_ready("bridge")
                self._stopping.wait(pause_seconds)
            manager.stopping("ends")
        return EXIT_DELIBERATE if self._control.is_shut_down.is_set() else 0

    def _is_over(self) -> bool:
        return self._stopping.is_set() or self._control.is_shut_down.is_set()

    def _once(self, locks: Singletons, round_done: Callable[[], None]) -> float:
        """Take the lock, connect and work until something breaks; gives the pause after it."""
        try:
            self._session(locks, round_done).run(self._on_subscribed)
        except AnotherBridgeWorks as error:
            self._report.say(BridgeCondition.STANDS_BY, str(error))
        except DatabaseUnavailable as error:
            self._report.say(BridgeCondition.DATABASE_AWAY, str(error))
        except (BrokerUnavailable, BadLogin, BlocksUnavailable, BlockUnusable) as error:
            self._report.say(BridgeCondition.BROKER_AWAY, str(error))
            self._failures += 1
            return _PAUSES.pause_seconds(self._failures)
        return _STAND_BY_SECONDS

    def _on_subscribed(self) -> None:
        self._failures = 0
        self._report.say(BridgeCondition.CONNECTED, "")
        Layout(self._settings.stack.state_dir).say_ready("bridge")

    def _session(self, locks: Singletons, round_done: Callable[[], None]) -> Session:
        """The session of the bridge that works.

        Raises:
            AnotherBridgeWorks: This one does not.
            DatabaseUnavailable: Nobody knows which one does.
        """

        def keep_lock() -> None:
            if not locks.holds(_LOCK):
                raise AnotherBridgeWorks("another bridge works on this database; this one waits")

        keep_lock()
        with transaction(self._engine) as session:
            known = repository.position(session)
            session.commit()
        instance = str(known.instance)
        publisher = Publisher(self._engine, self._bus.topic, instance, known.event_id)
        return Session(
            access=self._access(),
            subscriptions=subscriptions_of(self._bus),
            taker=Taker(self._engine, self._bus, instance, commands_of(self._bus)),
            passing=self._passing,
            publisher=publisher if self._bus.publishes else None,
            control=self._control,
            stopping=self._stopping,
            keep_lock=keep_lock,
            round_done=round_done,
        )

    def _access(self) -> BrokerAccess:
        """How the broker is reached: by the settings, or by the block that they name.

        Raises:
            BadSetting, BlocksUnavailable, BlockUnusable: As :meth:`Sources.configuration`.
        """
        sources = Sources(self._settings, say=partial(say_once, "info"))
        configured = sources.configuration(BROKER, BrokerConfiguration)
        access = configured.access(client_id=self._bus.client_id)
        self._report.broker = access.place
        return access


def subscriptions_of(bus: BusSettings) -> list[Subscription]:
    """What the settings switch on; what only sends subscribes to nothing."""
    wanted = []
    if bus.takes_actions:
        wanted.append(Subscription(destination=bus.ops_queue))
    if bus.is_runner:
        wanted.append(Subscription(destination=bus.workflow_queue))
    if bus.takes_messages:
        wanted.append(Subscription(destination=bus.topic, durable_name=bus.client_id))
    return wanted


def commands_of(bus: BusSettings) -> dict[str, Command]:
    """What is done with the messages of each queue."""

    def act(session: SqlSession, found: Read) -> Sequence[NewEvent]:
        commands.require_namespace(found.body, bus.namespace)
        return commands.carry_out(session, found, bus.scopes)

    def run_workflows(session: SqlSession, found: Read) -> Sequence[NewEvent]:
        return workflows.carry_out(session, found, bus.scopes)

    return {bus.ops_queue: act, bus.workflow_queue: run_workflows}
