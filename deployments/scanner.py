"""`prodops scanner`: the directory scan by the clock."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import structlog

from blocks.errors import ProdOpsError
from flows.common.database import make_engine
from flows.common.settings import BadSetting, Settings
from flows.fastmon import scan

_log = structlog.get_logger("scanner")


def run(settings: Settings, *, once: bool) -> int:
    """Scan until SIGTERM, or once; gives the process's exit code.

    Raises:
        BadSetting: No directory is watched.
    """
    configured = settings.fastmon
    if not configured.watch_dirs:
        raise BadSetting("setting PRODOPS_FASTMON_WATCH_DIRS is empty: there is nothing to scan")
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    engine = make_engine(pool_size=1)
    while True:
        try:
            report = scan.scan(engine, configured)
            if report.taken or report.refused or once:
                _log.info("scanned", **vars(report))
        except ProdOpsError as error:
            if once:
                raise
            _log.error("the scan failed; it is tried again", reason=str(error))
        if once or stopping.wait(configured.watch_seconds):
            return 0
