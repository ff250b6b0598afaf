"""`prodops scanner`: the directory scan by the clock."""

from __future__ import annotations

import math
import signal
import threading

import structlog
from sqlalchemy import Engine

from blocks.errors import ProdOpsError
from deployments.isolation import say_once
from deployments.schema import await_schema
from flows.common.database import make_engine
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
    engine = make_engine(pool_size=1)
    said = ""
    while True:
        try:
            _scan(engine, configured, is_said=once)
            said = ""
        except Exception as error:
            if once:
                raise
            if (reason := f"{type(error).__name__}: {error}") != said:
                is_known = isinstance(error, ProdOpsError)
                trace = None if is_known else error
                _log.error("the scan failed; it is tried again", reason=reason, exc_info=trace)
            said = reason
        if once or stopping.wait(configured.watch_seconds):
            return 0


def _scan(engine: Engine, configured: FastmonSettings, *, is_said: bool) -> None:
    """Scan once, and log what came of it: of nothing new only where it is to be said."""
    report = scan.scan(engine, configured)
    for named in report.named:
        _log.warning("a file is not taken", reason=named)
    for named in report.unnoted:
        say_once("warning", "the database cannot note a file", reason=named)
    if report.taken or report.refused or is_said:
        _log.info("scanned", seen=report.seen, taken=report.taken, refused=report.refused)
