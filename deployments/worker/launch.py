"""The inside of a run's process: how its flow starts, and what is left out of Prefect's engine."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
from contextlib import nullcontext
from types import FrameType
from typing import Any

from deployments import prefect_access
from deployments.worker import heartbeats, preloading
from deployments.worker.protocol import COMPLETED_EXIT, Intent, Start


def run(order: Start) -> int:
    """Run the flow run of `order`, after `preload`; gives the process's exit code.

    The state of the run is the engine's business. The worker reads it from Prefect afterwards,
    unless the code says that the run was accepted there as completed.
    """
    from prefect.client.schemas.objects import FlowRun  # noqa: PLC0415 - imported by preload
    from prefect.engine import handle_engine_signals  # noqa: PLC0415
    from prefect.flow_engine import run_flow  # noqa: PLC0415

    from deployments import catalogue  # noqa: PLC0415
    from deployments.worker import run_events, run_logs  # noqa: PLC0415
    from flows.common import claims  # noqa: PLC0415
    from flows.common import run as run_of_process  # noqa: PLC0415

    flow_run = FlowRun.model_validate(order.flow_run)
    claims.hold(claims.Claim(order.request_id, order.attempt, flow_run.id))
    _report(order)
    _listen_for_intents()
    _refuse_to_suspend()
    heartbeats.begin_later()
    prefect_access.bound_retries()
    # Where the worker was given it so: Prefect has read it, and nothing else shall inherit it.
    os.environ.pop("PREFECT_API_AUTH_STRING", None)
    os.environ["PREFECT__FLOW_RUN_ID"] = str(flow_run.id)
    run_of_process.use(preloading.engine())
    client = preloading.client()
    try:
        with (
            handle_engine_signals(flow_run.id),
            client.context(flow_run),
            run_logs.sent_with(client),
        ):
            flow = catalogue.load(order.entrypoint)
            run_events.know(flow_run, flow=flow.name, deployment=_action(order))
            state: Any = run_flow(flow, flow_run=flow_run, return_type="state")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        logging.getLogger("prodops").exception("flow run %s ended with an error", flow_run.id)
        return 1
    finally:
        _flush()
    return COMPLETED_EXIT if state.is_completed() else 0


def _report(order: Start) -> None:
    """Have what the run logs, and its spans, written by threads that start after the fork."""
    from deployments import run_telemetry  # noqa: PLC0415 - imported by preload
    from deployments.logs import log_into_table  # noqa: PLC0415
    from flows.common import claims  # noqa: PLC0415
    from flows.common.settings import settings  # noqa: PLC0415

    source = run_telemetry.source_of(claims.held(), _action(order))
    run_telemetry.start(settings(), source)
    log_into_table(settings(), source, preloading.engine())


def _action(order: Start) -> str:
    return order.entrypoint.rpartition(":")[2]


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
