"""What the process of a run reports of itself: log lines as JSON, and spans, by the settings.

Whoever started the process, the warm worker or another pool's: it reports the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blocks import tracing
from deployments.log_table.rows import Source
from deployments.logs import write_json
from flows.common.claims import Claim
from flows.common.settings import Settings

SERVICE = "prodops-run"
"""The service's name in the spans of every run."""


def source_of(claim: Claim, action: str) -> Source:
    """Where the log records of a run come from, and what they are about."""
    about = {
        "request_id": str(claim.request_id),
        "flow_run_id": str(claim.flow_run_id),
        "action": action,
    }
    return Source(app_name="run", about=about)


def start(settings: Settings, source: Source) -> None:
    """Write lines and export spans as the settings say; structlog is configured after.

    Spans are sent by a thread of this process: it forks no more. `blocks.tracing.stop` sends the
    last ones.
    """
    if settings.log.format == "json":
        write_json(source)
    tracing.start(SERVICE, url=settings.traces.url, ratio=settings.traces.ratio)
    tracing.watch(lambda exporting: exporting.watch_httpx())


@contextmanager
def reported(settings: Settings, source: Source) -> Iterator[None]:
    """`start`, and send the last spans at the block's end."""
    start(settings, source)
    try:
        yield
    finally:
        tracing.stop()
