"""Heartbeats of a run at Prefect: from when it has lasted a while, and never waited for.

Prefect's own begin at once, which opens a websocket and asks five questions, and a flow that has
ended waits for up to a second until they do (measured).
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_FIRST_SECONDS: Final = 10.0


def begin_later() -> None:
    """Have the engine of this process send its heartbeats so."""
    from prefect import flow_engine  # noqa: PLC0415 - not before Prefect's environment is set

    setattr(flow_engine, "_send_heartbeats", sent)  # noqa: B010 - not exported


@contextmanager
def sent(engine: Any, join_on_exit: bool = True) -> Iterator[None]:  # noqa: FBT001, FBT002, ARG001 - Prefect's
    """Send heartbeats of the engine's run meanwhile."""
    ended = threading.Event()
    every_seconds = engine.heartbeat_seconds

    def beat() -> None:
        pause = _FIRST_SECONDS
        while not ended.wait(pause):
            engine._emit_flow_run_heartbeat()  # noqa: SLF001 - not exported
            pause = every_seconds

    # In the run's context: there it finds Prefect's address.
    thread = threading.Thread(
        target=contextvars.copy_context().run, args=(beat,), name="heartbeats", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
