"""`prodops run ACTION --local`: an action's flow in the foreground, without worker or API."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any, Final

import structlog
from prefect import tags
from prefect.client.schemas.objects import State
from sqlalchemy import Engine

from blocks.errors import OutsideUnavailable, ProdOpsError
from deployments import catalogue
from deployments.worker import endings
from deployments.worker.request_store import Ending, NoRoom, RequestStore
from flows.common import actions, capacity, claiming, claims, holding, requests
from flows.common.actions import Action
from flows.common.callers import Caller
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from flows.common.run_labels import labels_of
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
    try:
        named = catalogue.flow_of(name).with_options(flow_run_name=lambda: labels.name)
        with tags(*labels.tags):
            state: Any = named(**parameters, return_state=True)
        _require_completed(store, claim, state)
    except ForeseenEnd:
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        store.conclude(claim, Ending(state=RequestState.FAILED, error=text))
        raise
    except KeyboardInterrupt:
        text = f"interrupted by {caller.name}"
        store.conclude(claim, Ending(state=RequestState.CANCELLED, error=text))
        raise
    finally:
        ended.set()
        claims.hold(None)
    store.conclude(claim, Ending(state=RequestState.COMPLETED))
    with transaction(engine) as session:
        return requests.get(session, claim.request_id)


def _require_completed(store: RequestStore, claim: Claim, state: State[Any]) -> None:
    """Raise what the run failed with, or how it ended otherwise."""
    ending = endings.of_foreseen(state)
    if ending is not None:
        store.conclude(claim, ending)
        raise ForeseenEnd(f"{state.name}: {state.message}")
    state.result()


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
