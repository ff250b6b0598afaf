"""`prodops run ACTION --local`: an action's flow in the foreground, without worker or API."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any, Final

from sqlalchemy import Engine

from blocks.errors import ProdOpsError
from deployments import catalogue
from flows.common import actions, events, requests
from flows.common.actions import Action, OnLost
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from flows.common.requests import Claim, ClaimLost
from flows.common.settings import settings


class AlreadyOpen(ProdOpsError):
    """An equal request is open elsewhere."""


class NoRoom(ProdOpsError):
    """As many requests of the action are worked on as may be at a time."""


_LEASES: Final = 3


def run(engine: Engine, name: str, parameters: dict[str, Any], *, requested_by: str) -> Request:
    """Run the action here and give its request as it ended.

    Raises:
        AlreadyOpen: An equal request is open; the message names it.
        NoRoom: As many of the action's requests are worked on as may be at a time.
        Invalid: The parameters are not of the action's form.
    """
    action = actions.get(name)
    attempt = _claim(engine, action, parameters, requested_by)
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(engine, attempt, ended), daemon=True)
    renewing.start()
    requests.hold(attempt)
    try:
        catalogue.flow_of(name)(**parameters)
    except Exception as error:
        _end(engine, attempt, RequestState.FAILED, f"{type(error).__name__}: {error}")
        raise
    except KeyboardInterrupt:
        _end(engine, attempt, RequestState.CANCELLED, f"interrupted by {requested_by}")
        raise
    finally:
        ended.set()
        requests.hold(None)
    _end(engine, attempt, RequestState.COMPLETED, None)
    with transaction(engine) as session:
        return requests.get(session, attempt.request_id)


def _claim(engine: Engine, action: Action, parameters: dict[str, Any], requested_by: str) -> Claim:
    form = action.parse(parameters)
    with transaction(engine) as session:
        action.gate(session, form)
        if requests.room_for(session, action) <= 0:
            raise NoRoom(f"{action.name}: as many requests are worked on as may be at a time")
        request = requests.claim_new(
            session,
            action,
            form,
            requested_by=requested_by,
            source="local",
            worker=f"{requested_by}@{socket.gethostname()}:{os.getpid()}",
            lease_seconds=settings().worker.lease_seconds,
        )
        if request is None:
            raise AlreadyOpen(
                f"{action.name}: an equal request is open; see `prodops request list`"
            )
        attempt = Claim(request.id, request.attempts)
        requests.note_flow_run(session, attempt, state=RequestState.RUNNING)
    return attempt


def _renew(engine: Engine, attempt: Claim, ended: threading.Event) -> None:
    lease = settings().worker.lease_seconds
    while not ended.wait(lease / _LEASES):
        with transaction(engine) as session:
            requests.renew(session, [attempt], lease_seconds=lease)


def _end(engine: Engine, attempt: Claim, state: RequestState, error: str | None) -> None:
    """End the request where its flow has not done so itself."""
    with transaction(engine) as session:
        request = requests.get(session, attempt.request_id)
        is_said = state is RequestState.COMPLETED
        try:
            if actions.get(request.action).on_lost is OnLost.UNKNOWN and not is_said:
                requests.put_off(session, attempt, error=error, delay_seconds=0.0)
            else:
                requests.finish(session, attempt, state, error=error)
        except ClaimLost:
            return
        session.refresh(request)
        events.commit(session, list(actions.get(request.action).ended(session, request)))
