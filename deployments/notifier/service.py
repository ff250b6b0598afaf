"""`prodops notifier`: of several on a database one works: it follows what happens, and delivers."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from typing import Final

from deployments.isolation import outlived
from deployments.notifier.alarms import Alarms
from deployments.notifier.delivering import Deliverer
from deployments.notifier.expiries import Expiries
from deployments.notifier.report import NotifierCondition, NotifierReport
from deployments.notifier.taking import Taker
from deployments.schema import await_schema
from deployments.service_manager.notification import service_manager
from deployments.service_manager.outages import is_database_away
from deployments.singletons import Singletons
from deployments.stack.layout import Layout
from flows.common import events
from flows.common.database import PART_LIMITS, make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.notifications import NotificationListener
from flows.common.settings import Settings
from flows.notifications.repository import channels, feed, outbox

_LOCK: Final = "notifier"
_TICK_SECONDS: Final = 0.5
_BATCH_SECONDS: Final = 0.5  # a burst of events is taken together
_LOOK_SECONDS: Final = 5.0
_STAND_BY_SECONDS: Final = 1.0


def run(settings: Settings) -> int:
    """Run the notifier until SIGTERM; gives the process's exit code.

    Raises:
        SchemaDiffers: The database's schema is not the one of this version.
    """
    await_schema()
    return _Service(settings).run()


class _Service:
    """One notifier's life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine = make_engine(
            pool_size=6, limits=PART_LIMITS
        )  # this loop, the report, and each delivery
        self._stopping = threading.Event()
        self._report = NotifierReport(self._engine)
        self._taker = Taker(self._engine)
        self._alarms = Alarms(self._engine)
        self._expiries = Expiries(self._engine)
        self._looked_at = -float("inf")

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        manager = service_manager()
        manager.ready("starts")
        manager.watchdog.excuse(is_database_away)
        with (
            self._report.repeated(),
            Singletons() as locks,
            manager.watchdog.following("rounds") as round_done,
        ):
            while not self._stopping.is_set():
                Layout(self._settings.stack.state_dir).say_ready("notifier")
                try:
                    self._stand_by_or_work(locks, round_done)
                except DatabaseUnavailable as error:
                    self._report.say(NotifierCondition.DATABASE_AWAY, str(error))
                round_done()
                self._stopping.wait(_STAND_BY_SECONDS)
            manager.stopping("ends the deliveries that it has begun")
        return 0

    def _stand_by_or_work(self, locks: Singletons, round_done: Callable[[], None]) -> None:
        """Work, if no other notifier does, until the database is away or another has the lock.

        Raises:
            DatabaseUnavailable: Nobody knows who works.
        """
        if not locks.holds(_LOCK):
            self._report.say(
                NotifierCondition.STANDS_BY, "another notifier works on this database; this waits"
            )
            return
        with transaction(self._engine) as session:
            outbox.settle_lost(session)
            feed.position(session)  # what happens from the first start on is told
        self._report.say(NotifierCondition.READY, "")
        with NotificationListener(events.CHANNEL) as listener:
            deliverer = Deliverer(self._settings, self._engine, self._stopping)
            try:
                while not self._stopping.is_set() and locks.holds(_LOCK):
                    self._round(deliverer, round_done)
                    round_done()
                    listener.wait(_TICK_SECONDS)
                    self._stopping.wait(_BATCH_SECONDS)
            finally:
                deliverer.close()

    def _round(self, deliverer: Deliverer, goes_on: Callable[[], None]) -> None:
        """Take what happened, and deliver what is due.

        Raises:
            DatabaseUnavailable: It is away.
        """
        with transaction(self._engine) as session:
            news = feed.news(session)
        if news.happened:
            with outlived("what happened cannot be told", ended_by=(DatabaseUnavailable,)):
                while self._taker.take() and not self._stopping.is_set():
                    goes_on()
        if news.happened or news.waits:
            deliverer.start_due()
        with outlived("alarms cannot be judged", ended_by=(DatabaseUnavailable,)):
            self._alarms.look_if_due(has_news=news.happened)
        with outlived("ends of credentials are not announced", ended_by=(DatabaseUnavailable,)):
            self._expiries.look_if_due()
        if time.monotonic() - self._looked_at > _LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._look()

    def _look(self) -> None:
        """Say how the channels are; why, is for operators, as it may name where a channel leads."""
        with transaction(self._engine) as session:
            away = [each.name for each in channels.every(session) if each.failing_since is not None]
        if away:
            text = f"no messages go to {', '.join(away)}: `prodops notify channel list` says why"
            self._report.say(NotifierCondition.CHANNEL_AWAY, text)
        else:
            self._report.say(NotifierCondition.READY, "")
