"""A run whose process another pool's worker started: it takes and ends its request.

The warm worker's runs do not come by here: their guardian hands them their claim.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, Final

import prefect
from prefect._internal import control_listener
from prefect._internal.concurrency.cancellation import CancelledError
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal
from prefect.flow_engine import FlowRunTimeoutError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from blocks.errors import OutsideUnavailable, ProdOpsError
from deployments import catalogue, run_artifacts, run_telemetry
from deployments.isolation import outlived
from deployments.logs import logged_into_table
from deployments.other_pools import environment, reaper, taking
from deployments.other_pools.keeping import Keeper, end_others
from deployments.schema import await_schema
from deployments.worker import endings
from deployments.worker.request_store import Ending, NoRoom, RequestStore
from flows.common import claims, handovers
from flows.common.actions import Action
from flows.common.claims import Claim
from flows.common.database import make_engine, transaction
from flows.common.models import RequestState
from flows.common.settings import settings

_OUTAGE_SECONDS: Final = 300.0
_CONNECTIONS: Final = 2
_through_outage: Final = Retrying(
    retry=retry_if_exception_type(OutsideUnavailable),
    wait=wait_exponential(multiplier=0.2, max=5.0),
    stop=stop_after_delay(_OUTAGE_SECONDS),
    reraise=True,
)


def flow_of(action: Action) -> prefect.Flow[..., Any]:
    """The flow of an action as its deployment names it: under the request of its flow run."""
    inner = catalogue.flow_of(action.name)

    @wraps(inner.fn)
    def start(**parameters: Any) -> Any:
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            raise ProdOpsError("this flow runs in a work pool; here, use `prodops run --local`")
        try:
            store, claim = _claimed(action, context.flow_run)
        except taking.Ended as end:
            return end.state
        try:
            return _under(store, action, claim, lambda: inner.fn(**parameters))
        finally:
            store.engine.dispose()

    return prefect.flow(
        name=action.flow_name,
        description=action.summary,
        persist_result=False,
        validate_parameters=False,
        timeout_seconds=action.timeout_seconds,
        on_crashed=[conclude_crashed],
        on_cancellation=[conclude_cancelled],
    )(start)


def _claimed(action: Action, run: FlowRun) -> tuple[RequestStore, Claim]:
    """The store of this process, and the run's claim, which it holds from now on.

    Raises:
        Ended: The run ends in a state, without its work.
        Abort: It ends without a change: another process has it, or it is started again later.
    """
    try:
        environment.prepare()
        await_schema()
        store = _store(handovers.process(run.work_pool_name, socket.gethostname(), os.getpid()))
        return store, _through_outage(taking.take, store, action, run)
    except (NoRoom, OutsideUnavailable) as error:
        with get_client(sync_client=True) as client:
            taking.start_later(client, run, str(error))
        raise
    except ProdOpsError as error:  # in one line: nothing is wrong with the code
        raise taking.Ended(taking.unprepared(error)) from error


def _under(store: RequestStore, action: Action, claim: Claim, work: Callable[[], Any]) -> Any:
    """Do the work of a run under its claim, and bring its request to its end."""
    claims.hold(claim)
    reaper.start(store.settings.lease_seconds)
    source = run_telemetry.source_of(claim, action.name)
    keeper = Keeper(store=store, claim=claim, timeout_seconds=action.timeout_seconds)
    with (
        run_telemetry.reported(settings(), source),
        logged_into_table(settings(), source),
        keeper,
    ):
        try:
            value = work()
        except BaseException as error:
            _conclude(store, claim, of_error(error, action, is_cancelled=keeper.is_cancelled))
            raise
        finally:
            end_others()
        _conclude(store, claim, of_value(value))
    return value


def of_value(value: Any) -> Ending:
    """How a request ends whose run gave this, where it has not ended it itself."""
    foreseen = endings.of_foreseen(value) if isinstance(value, State) else None
    return foreseen or Ending(state=RequestState.COMPLETED)


def of_error(error: BaseException, action: Action, *, is_cancelled: bool) -> Ending:
    """How a request ends whose run was ended by an error or a signal."""
    is_ended = isinstance(error, TerminationSignal)
    if is_cancelled or (is_ended and control_listener.get_intent() == "cancel"):
        return Ending(state=RequestState.CANCELLED, error="cancelled")
    if is_ended:
        return Ending(state=None, error="handed back: its process was ended", is_handed_back=True)
    # The engine's limit interrupts the flow by the one, and raises the other outside of it.
    if isinstance(error, CancelledError | FlowRunTimeoutError):
        return Ending(state=None, error=f"timed out after {action.timeout_seconds:g} s")
    text = f"{type(error).__name__}: {error}"
    return Ending(state=RequestState.FAILED if isinstance(error, Exception) else None, error=text)


# ------------------------------------------------------------------ where the process is gone


def conclude_crashed(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """End the request of a run that crashed; Prefect's worker calls it where the process cannot."""
    _conclude_of(flow_run, Ending(state=None, error=state.message or "the run crashed"))


def conclude_cancelled(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001
    """End the request of a run that was cancelled at Prefect."""
    _conclude_of(flow_run, Ending(state=RequestState.CANCELLED, error="cancelled"))


def _conclude_of(run: FlowRun, ending: Ending) -> None:
    """End what a pool holds for the run; where that cannot be now, the sweeper does it later."""
    with outlived("the end of a run could not be written"):
        store = _store(f"hook of {run.id}")
        try:
            _conclude_held(store, run, ending)
        finally:
            store.engine.dispose()


def _conclude_held(store: RequestStore, run: FlowRun, ending: Ending) -> None:
    with transaction(store.engine) as session:
        held = handovers.of_run(session, run.id)
    if held is not None:
        claim = Claim(held.id, held.attempts, run.id)
        is_unbegun = held.state == RequestState.CLAIMED
        store.conclude(claim, replace(ending, is_unbegun=is_unbegun))


def _store(worker: str) -> RequestStore:
    return RequestStore(make_engine(pool_size=_CONNECTIONS), settings().worker, worker)


def _conclude(store: RequestStore, claim: Claim, ending: Ending) -> None:
    _through_outage(store.conclude, claim, ending)
    _leave_artifacts(store, claim)


def _leave_artifacts(store: RequestStore, claim: Claim) -> None:
    """Write what the run leaves at Prefect; where that cannot be, it is a line in the log."""
    with outlived("the run gets no artifacts"):
        run_artifacts.leave(store.request(claim.request_id), claim.flow_run_id)
