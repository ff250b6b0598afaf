"""`prodops run ACTION --local`: an action's flow in the foreground, without worker or API."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any, Final, cast

import structlog
from prefect import tags
from prefect.client.schemas.objects import State
from sqlalchemy import Engine

from blocks.errors import OutsideUnavailable, ProdOpsError
from deployments import catalogue, run_artifacts
from deployments.isolation import outlived
from deployments.log_table.rows import Source
from deployments.logs import logged_into_table
from deployments.worker import endings
from deployments.worker.request_store import Ending, NoRoom, RequestStore
from flows.common import actions, capacity, claiming, claims, holding, outcomes
from flows.common.actions import Action
from flows.common.callers import Caller
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from flows.common.run_labels import RunLabels, labels_of
from flows.common.settings import settings


class AlreadyOpen(ProdOpsError):
    """An equal request is open elsewhere."""


class ForeseenEnd(ProdOpsError):
    """The run ended as was foreseen: in which state, and why."""


_LEASES: Final = 3

_log = structlog.get_logger("run")


def run(engine: Engine, name: str, parameters: dict[str, Any], *, caller: Caller) -> Request:
    """Run the action here and give its request as it ended.

    Raises:
        AlreadyOpen: An equal request is open; the message names it.
        ForeseenEnd: The run was refused, found nothing, or was put off.
        NoRoom: As many of the action's requests are worked on as may be at a time.
        Invalid: The parameters are not of the action's form.
    """
    action = actions.get(name)
    worker = f"{caller.name}@{socket.gethostname()}:{os.getpid()}"
    store = RequestStore(engine, settings().worker, worker)
    claim = _claim(store, action, parameters, caller)
    labels = labels_of(
        action,
        action.parse(parameters),
        request_id=claim.request_id,
        attempt=claim.attempt,
        requested_by=caller.name,
    )
    ended = threading.Event()
    threading.Thread(target=_renew, args=(store, claim, ended), daemon=True).start()
    claims.hold(claim)
    about = {"request_id": str(claim.request_id), "action": name}
    try:
        with logged_into_table(settings(), Source(app_name="run", about=about)):
            state = _run(action, parameters, labels)
    except KeyboardInterrupt:
        text = f"interrupted by {caller.name}"
        store.conclude(claim, Ending(state=RequestState.CANCELLED, error=text))
        raise
    except Exception as error:
        store.conclude(claim, _failed(error))
        raise
    finally:
        ended.set()
        claims.hold(None)
    store.conclude(claim, _ending_of(state))
    request = store.request(claim.request_id)
    with outlived("the run gets no artifacts"):
        run_artifacts.leave(request, state.state_details.flow_run_id)
    if outcomes.of_state(state) is not None:
        raise ForeseenEnd(f"{state.name}: {state.message}")
    if not state.is_completed():
        state.result()  # raises what the run failed with
    return request


def _run(action: Action, parameters: dict[str, Any], labels: RunLabels) -> State[Any]:
    flow = catalogue.flow_of(action.name).with_options(flow_run_name=lambda: labels.name)
    with tags(*labels.tags):
        state: Any = flow(**parameters, return_state=True)
    return cast("State[Any]", state)


def _ending_of(state: State[Any]) -> Ending:
    foreseen = endings.of_foreseen(state)
    if foreseen is not None:
        return foreseen
    if state.is_completed():
        return Ending(state=RequestState.COMPLETED)
    return _failed(state.result(raise_on_failure=False))


def _failed(error: object) -> Ending:
    return Ending(state=RequestState.FAILED, error=f"{type(error).__name__}: {error}")


def _claim(
    store: RequestStore, action: Action, parameters: dict[str, Any], caller: Caller
) -> Claim:
    form = action.parse(parameters)
    with transaction(store.engine) as session:
        action.gate(session, form, caller)
        if capacity.room_for(session, action) <= 0:
            raise NoRoom(f"{action.name}: as many requests are worked on as may be at a time")
        request = claiming.claim_new(
            session,
            action,
            form,
            caller=caller,
            source="local",
            worker=store.worker,
            lease_seconds=store.settings.lease_seconds,
        )
        if request is None:
            raise AlreadyOpen(
                f"{action.name}: an equal request is open; see `prodops request list`"
            )
        claim = Claim(request.id, request.attempts)
        holding.note_flow_run(session, claim, state=RequestState.RUNNING)
    return claim


def _renew(store: RequestStore, claim: Claim, ended: threading.Event) -> None:
    while not ended.wait(store.settings.lease_seconds / _LEASES):
        try:
            store.renew([claim])
        except OutsideUnavailable as error:  # the next turn renews it, be it late
            _log.warning("the lease waits for the database", reason=str(error))
