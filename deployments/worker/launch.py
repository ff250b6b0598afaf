"""The inside of a run's process: what is imported before it, and how its flow starts."""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import signal
import threading
from contextlib import nullcontext
from types import FrameType
from typing import Final

from deployments import prefect_access
from deployments.worker.protocol import Intent, Start

# Imported ahead, beside what every flow imports.
# None of these opens a socket or starts a thread (measured).
_PRELOADED: Final = (
    "blocks.tracing",
    "deployments.logs",
    "prefect.client.orchestration",
    "prefect.deployments.steps.core",
    "prefect.engine",
    "prefect.events.worker",
    "prefect.flow_engine",
    "prefect.logging.handlers",
    "prefect.task_engine",
    "prefect._internal.observers",
    "anyio._backends._asyncio",
    "anyio.streams.memory",
    "anyio.streams.tls",
    "anyio.streams.stapled",
    "anyio.streams.buffered",
    "encodings.idna",
    "sqlalchemy.dialects.postgresql.psycopg",
    "stringprep",
    "websockets.legacy.client",
)


_FOR_TRACES: Final = (
    "blocks.trace_export",
    "opentelemetry.instrumentation.httpx",
    "opentelemetry.instrumentation.sqlalchemy",
)


def preload() -> None:
    """Import what every run needs, and every flow."""
    from deployments import catalogue  # noqa: PLC0415 - after the guardian has cleaned up
    from flows.common import actions  # noqa: PLC0415

    for name in _PRELOADED:
        importlib.import_module(name)
    for name in actions.all_actions():
        catalogue.flow_of(name)
    if importlib.import_module("flows.common.settings").settings().traces.url is not None:
        for name in _FOR_TRACES:
            importlib.import_module(name)


def run(order: Start) -> int:
    """Run the flow run of `order`; gives the process's exit code.

    The state of the run is the engine's business; the worker reads it from Prefect afterwards.
    """
    from prefect.client.schemas.objects import FlowRun  # noqa: PLC0415 - imported by preload
    from prefect.engine import handle_engine_signals  # noqa: PLC0415
    from prefect.flow_engine import run_flow  # noqa: PLC0415

    from deployments import catalogue  # noqa: PLC0415
    from flows.common import claims  # noqa: PLC0415

    _set_up_logs(order)
    _trace()
    _listen_for_intents()
    _refuse_to_suspend()
    prefect_access.bound_retries()
    # Prefect has read it; nothing that the flow starts shall inherit it.
    os.environ.pop("PREFECT_API_AUTH_STRING", None)
    flow_run = FlowRun.model_validate(order.flow_run)
    os.environ["PREFECT__FLOW_RUN_ID"] = str(flow_run.id)
    claims.hold(claims.Claim(order.request_id, order.attempt, flow_run.id))
    try:
        with handle_engine_signals(flow_run.id):
            run_flow(catalogue.load(order.entrypoint), flow_run=flow_run, return_type="state")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        logging.getLogger("prodops").exception("flow run %s ended with an error", flow_run.id)
        return 1
    finally:
        _flush()
    return 0


def _set_up_logs(order: Start) -> None:
    """Have what the run logs written to the log table, by a thread that starts after the fork."""
    from deployments.log_table.rows import Source  # noqa: PLC0415 - imported by preload
    from deployments.logs import log_into_table, write_json  # noqa: PLC0415
    from flows.common.settings import settings  # noqa: PLC0415

    about = {
        "request_id": str(order.request_id),
        "flow_run_id": str(order.flow_run["id"]),
        "action": order.entrypoint.rpartition(":")[2],
    }
    source = Source(app_name="run", about=about)
    if settings().log.format == "json":
        write_json(source)
    log_into_table(settings(), source)


def _trace() -> None:
    """Export the run's spans by a thread that starts after the fork, where traces are wanted."""
    from blocks import tracing  # noqa: PLC0415 - imported by preload
    from flows.common.settings import settings  # noqa: PLC0415

    traces = settings().traces
    tracing.start("prodops-run", url=traces.url, ratio=traces.ratio)
    tracing.watch(lambda exporting: exporting.watch_httpx())


def _listen_for_intents() -> None:
    """Note why a SIGTERM comes before it comes: the engine asks for the reason."""
    from prefect._internal import control_listener  # noqa: PLC0415

    reasons = {signal.SIGUSR1: Intent.CANCEL, signal.SIGUSR2: Intent.RESCHEDULE}

    def note(number: int, _frame: FrameType | None) -> None:
        control_listener._set_intent(reasons[signal.Signals(number)].value)  # noqa: SLF001

    for number in reasons:
        signal.signal(number, note)


def _refuse_to_suspend() -> None:
    """Leave out the engine's watch for a suspension, which is refused: it costs 0.06 s a start.

    The watch is a websocket and a REST call before the flow's first line (measured).
    """
    from prefect import flow_engine  # noqa: PLC0415

    setattr(flow_engine, "observe_flow_run_suspension", _unobserved)  # noqa: B010 - not exported


def _unobserved(*_: object, **__: object) -> nullcontext[None]:
    return nullcontext()


def _flush() -> None:
    """Send the log records and spans that wait, as the interpreter would at its own exit."""
    from blocks import tracing  # noqa: PLC0415 - imported by preload

    tracing.stop()
    atexit._run_exitfuncs()  # noqa: SLF001 - a forked child must not run its parent's stack down
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001
    logging.shutdown()
