"""Which request the process of a run works under: the one of its key, or one of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Abort
from prefect.states import Cancelled, Completed, Failed, Scheduled

from blocks.errors import OutsideUnavailable
from deployments.isolation import outlived
from deployments.worker import endings
from deployments.worker.flow_runs import labels_of_request
from deployments.worker.request_store import NoRoom, RequestStore, attempt_of
from flows.common import handovers, holding
from flows.common.actions import Action
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from flows.common.quick_client import quick_client

ROOM_SECONDS: Final = 15.0
"""After which a run that found no room, or no database, is started again."""
UNPREPARED: Final = "Unprepared"
"""The state of a run whose process lacks what every run needs."""
_OVER: Final = "this attempt at request {} is over; to do it again, run the deployment anew"


class Ended(Exception):
    """There is nothing to do for the run: it ends in `state`."""

    def __init__(self, state: State[Any]) -> None:
        super().__init__(state.message)
        self.state = state


def take(store: RequestStore, action: Action, run: FlowRun) -> Claim:
    """The claim of the run's request, which this process holds from now on.

    Raises:
        Ended: Its attempt is over, it joins an open request, or it may not be requested.
        NoRoom: It has to wait.
        Abort: Another process of the run has it.
        DatabaseUnavailable: The database does not do it now.
    """
    attempt = attempt_of(run.idempotency_key)
    if attempt is None:
        return _adopt(store, action, run)
    claim = Claim(attempt.request_id, attempt.attempt, run.id)
    with transaction(store.engine) as session:
        lease = store.settings.lease_seconds
        if handovers.take(session, claim, worker=store.worker, lease_seconds=lease):
            return claim
    if store.is_given_up(claim):
        raise Ended(_as_it_ended(store, claim))
    raise Abort(f"request {claim.request_id} is held by another process")


def _as_it_ended(store: RequestStore, claim: Claim) -> State[Any]:
    """The state of a run whose attempt is over: a process that came late changes nothing of it."""
    text = _OVER.format(claim.request_id)
    with transaction(store.engine) as session:
        request = session.get(Request, claim.request_id)
    if request is None or request.attempts != claim.attempt:
        return Cancelled(message=text)
    if request.state == RequestState.COMPLETED:
        return Completed(message=text)
    if request.state == RequestState.FAILED:
        return Failed(message=request.error or text)
    return Cancelled(message=text)


def unprepared(error: Exception) -> State[Any]:
    """The state of a run that lacks something: the same again would fail again."""
    return Failed(name=UNPREPARED, message=str(error))


def _adopt(store: RequestStore, action: Action, run: FlowRun) -> Claim:
    """A request of its own for a run that somebody started at Prefect."""
    with transaction(store.engine) as session:
        if (held := handovers.of_run(session, run.id)) is not None:
            raise Abort(f"request {held.id} is held by another process of the run")
    try:
        request = store.adopt(action, run.parameters, run.id, None)
    except (NoRoom, OutsideUnavailable):
        raise
    except Exception as error:
        raise Ended(endings.of_unadopted(error)) from error
    if request is None:
        joined = store.open_request(action, run.parameters)
        text = f"joined request {joined}, which is open for the same thing"
        raise Ended(Completed(name="Joined", message=text))
    claim = Claim(request.id, request.attempts, run.id)
    with transaction(store.engine) as session:
        holding.note_flow_run(session, claim, state=RequestState.RUNNING)
    _label(run, request)
    return claim


def _label(run: FlowRun, request: Request) -> None:
    """Name a run that Prefect started for its request, beside the tags that it has."""
    labels = labels_of_request(request)
    with outlived("a run keeps the name that Prefect gave it"), quick_client() as client:
        tags = sorted({*run.tags, *labels.tags})
        client.update_flow_run(run.id, name=labels.name, tags=tags)


def start_later(client: SyncPrefectClient, run: FlowRun, reason: str) -> None:
    """Have Prefect start the run again after a while, and end this process without a change.

    Raises:
        Abort: Always.
    """
    at = now() + timedelta(seconds=ROOM_SECONDS)
    later: State[Any] = Scheduled(scheduled_time=at, name="AwaitingRoom", message=reason)
    client.set_flow_run_state(run.id, later, force=True)
    raise Abort(reason)
