"""`prodops scanner`: the directory scan by the clock."""

from __future__ import annotations

import math
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine

from blocks.errors import ProdOpsError
from deployments import version
from deployments.isolation import outlived, say_once
from deployments.schema import await_schema
from deployments.service_manager.notification import service_manager
from deployments.service_manager.outages import is_database_away
from deployments.service_manager.pauses import is_set_in_thread_within
from flows.common import part_measures, standing
from flows.common.database import PART_LIMITS, make_engine, transaction
from flows.common.models import PartKind
from flows.common.settings import BadSetting, FastmonSettings, Settings
from flows.fastmon import scan

_log = structlog.get_logger("scanner")


def run(settings: Settings, *, once: bool) -> int:
    """Scan until SIGTERM, or once; gives the process's exit code.

    Raises:
        BadSetting: No directory is watched.
        SchemaDiffers: The database's schema is not the one of this version.
    """
    configured = settings.fastmon
    if not configured.watch_dirs:
        raise BadSetting("setting PRODOPS_FASTMON_WATCH_DIRS is empty: there is nothing to scan")
    await_schema(0.0 if once else math.inf)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    engine = make_engine(pool_size=2, limits=PART_LIMITS)  # one is the heartbeat's, during a scan
    if once:
        _scan(engine, configured, is_said=True)
        return 0
    manager = service_manager()
    manager.ready("scans")
    manager.watchdog.excuse(is_database_away)
    heartbeat = _Heartbeat(engine)
    with manager.watchdog.following("scans") as round_done:

        def goes_on() -> None:
            round_done()
            heartbeat.beat_if_due()

        _repeat(engine, configured, stopping, goes_on)
    manager.stopping("ends")
    return 0


@dataclass
class _Heartbeat:
    """Says that the scanner is there, as far as it gets on with its scans."""

    engine: Engine
    _due: float = 0.0

    def beat_if_due(self) -> None:
        """Say it, unless it was said just now; where it cannot be, the scans go on."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + standing.BEAT_SECONDS
        details = {version.KEY: version.own().row(), **part_measures.said()}
        with outlived("the heartbeat is not written"), transaction(self.engine) as session:
            standing.beat(
                session, PartKind.SCANNER, socket.gethostname(),
                prefect_answers=True, details=details,
            )  # fmt: skip


def _repeat(
    engine: Engine,
    configured: FastmonSettings,
    stopping: threading.Event,
    round_done: Callable[[], None],
) -> None:
    """Scan until it is to stop; the same failure is logged once."""
    said = ""
    while True:
        try:
            _scan(engine, configured, goes_on=round_done)
            said = ""
            service_manager().status("scans")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said and tried again
            if (reason := f"{type(error).__name__}: {error}") != said:
                is_known = isinstance(error, ProdOpsError)
                trace = None if is_known else error
                _log.error("the scan failed; it is tried again", reason=reason, exc_info=trace)
            said = reason
            service_manager().status(f"the scan failed: {reason}")
        round_done()
        if is_set_in_thread_within(stopping, configured.watch_seconds, round_done):
            return


def _scan(
    engine: Engine,
    configured: FastmonSettings,
    *,
    is_said: bool = False,
    goes_on: Callable[[], None] = lambda: None,
) -> None:
    """Scan once, and log what came of it: of nothing new only where it is to be said."""
    report = scan.scan(engine, configured, goes_on=goes_on)
    for named in report.named:
        _log.warning("a file is not taken", reason=named)
    for named in report.unnoted:
        say_once("warning", "the database cannot note a file", reason=named)
    if report.taken or report.refused or is_said:
        _log.info("scanned", seen=report.seen, taken=report.taken, refused=report.refused)
