"""The requests of one worker: claimed, renewed, ended and recovered. Plain, blocking code."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from pydantic import BaseModel
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from deployments.isolation import is_outage, isolated
from flows.common import (
    actions,
    cancellations,
    capacity,
    claiming,
    events,
    holding,
    leases,
    request_counts,
    requests,
)
from flows.common.actions import Action, OnLost
from flows.common.callers import Means, on_ops_side
from flows.common.capacity import SharedCeiling
from flows.common.claims import Claim, ClaimLost
from flows.common.database import among, transaction
from flows.common.events import NewEvent
from flows.common.leases import Overdue
from flows.common.models import HELD, OPEN, Request, RequestState
from flows.common.settings import WorkerSettings

_KEY: Final = re.compile(r"(\d+):(\d+)")
_BACK_OFF_SECONDS: Final = 2.0
_MAX_BACK_OFF_SECONDS: Final = 60.0
_PREFECT: Final = on_ops_side("prefect", Means.SCHEDULE)

_log = structlog.get_logger("worker")


class NoRoom(ProdOpsError):
    """As many requests are held as the pool allows; the next poll may find room."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a flow run ended, as the request's record needs it.

    Attributes:
        state: What the request becomes; None: its run was lost, the action's policy decides.
        error: Why, for people.
        is_handed_back: Whether the worker gave the run up on purpose: no attempt was wasted.
        is_unbegun: Whether nothing of the run was done: whatever its action, it may be run again.
    """

    state: RequestState | None
    error: str | None = None
    is_handed_back: bool = False
    is_unbegun: bool = False


def idempotency_key(request: Request) -> str:
    """Prefect's key of an attempt's flow run. Without the attempt, an ended run would come back."""
    return f"{request.id}:{request.attempts}"


def attempt_of(key: str | None) -> Claim | None:
    """The attempt that an idempotency key of ours names."""
    found = _KEY.fullmatch(key or "")
    return Claim(int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True)
class RequestStore:
    """Claims, renews, ends and recovers requests for one worker."""

    engine: Engine
    settings: WorkerSettings
    worker: str

    # -------------------------------------------------------------- taking work

    def claim(
        self,
        free: int,
        ceiling: int | None,
        ending: Sequence[int] = (),
        *,
        background: int | None = None,
        closed: Collection[str] = (),
        shared: Sequence[SharedCeiling] = (),
    ) -> list[Request]:
        """Claim up to `free` requests; no more than `ceiling` are held in all, where it is set.

        No more than `background` of them are of background actions, and none of `closed` actions;
        of those that share a ceiling no more are held than it allows.
        Those of `ending` are left: the process of an earlier attempt is still ending here.
        """
        with transaction(self.engine) as session:
            ended = [*cancellations.end_queued(session)]
            ended += cancellations.end_looks(session, seconds=self.settings.look_seconds)
            self._announce(session, ended)
            free = min(free, capacity.room_below(session, ceiling))
            if free <= 0:
                return []
            return claiming.claim(
                session,
                worker=self.worker,
                limit=free,
                lease_seconds=self.settings.lease_seconds,
                background=background,
                excluding=ending,
                closed=closed,
                shared=shared,
            )

    def unknown_actions(self) -> list[str]:
        """The actions for which requests wait, and which this version does not know."""
        with transaction(self.engine) as session:
            return claiming.unknown_actions(session)

    def adopt(
        self,
        action: Action,
        parameters: dict[str, Any],
        flow_run_id: uuid.UUID,
        ceiling: int | None,
        shared: Sequence[SharedCeiling] = (),
    ) -> Request | None:
        """A request for a run that Prefect started; None where one with its key is open.

        Raises:
            Invalid: The parameters are not of the action's form.
            Refused: The action's gate refuses.
            NoRoom: As many requests are held as the `ceiling`, or one that is shared, allows; or
                another worker has the run: Prefect's poll may bring it to several.
        """
        form = action.parse(parameters)
        with transaction(self.engine) as session:
            if claiming.is_held(session, flow_run_id):
                raise NoRoom("another worker has the run")
            in_all = capacity.room_below(session, ceiling)
            room = {action.name: min(in_all, capacity.room_for(session, action))}
            if capacity.shared(session, room, shared)[action.name] <= 0:
                raise NoRoom("as many requests are held as may be")
            action.gate(session, form, _PREFECT)
            return claiming.claim_new(
                session,
                action,
                form,
                caller=_PREFECT,
                source="prefect",
                worker=self.worker,
                lease_seconds=self.settings.lease_seconds,
                flow_run_id=flow_run_id,
            )

    def open_request(self, action: Action, parameters: dict[str, Any]) -> int | None:
        """The open request that has the same dedup key."""
        key = action.dedup_key(action.parse(parameters))
        with transaction(self.engine) as session:
            return session.scalar(
                select(Request.id).where(
                    Request.action == action.name,
                    Request.dedup_key == key,
                    Request.state.in_(OPEN),
                    Request.successor_id.is_(None),
                )
            )

    def request(self, request_id: int) -> Request:
        """The request as it is now."""
        with transaction(self.engine) as session:
            return requests.get(session, request_id)

    def requests(self, ids: Sequence[int]) -> dict[int, Request]:
        """The requests as they are now, by id."""
        with transaction(self.engine) as session:
            rows = session.scalars(select(Request).where(among(Request.id, ids)))
            return {row.id: row for row in rows}

    def is_given_up(self, claim: Claim) -> bool:
        """Whether no worker holds the request under that claim any more."""
        with transaction(self.engine) as session:
            request = session.get(Request, claim.request_id)
            return request is None or request.attempts != claim.attempt or request.state not in HELD

    # -------------------------------------------------------------- holding it

    def note(self, claim: Claim, state: RequestState) -> None:
        """Note the attempt's flow run: that it runs, or is claimed and waits for a slot."""
        with transaction(self.engine) as session:
            holding.note_flow_run(session, claim, state=state)

    def renew(self, claims: Sequence[Claim]) -> tuple[list[int], list[int]]:
        """Renew the leases.

        Returns:
            The requests among them that somebody wants to end, and those that another attempt has.
        """
        ids = [each.request_id for each in claims]
        with transaction(self.engine) as session:
            leases.renew(session, claims, lease_seconds=self.settings.lease_seconds)
            cancelled = [each.request_id for each in cancellations.unserved(session, ids)]
            return cancelled, leases.given_up(session, claims)

    def cancelled(self, ids: Sequence[int]) -> list[int]:
        """The requests among `ids` that somebody wants to end."""
        with transaction(self.engine) as session:
            return [each.request_id for each in cancellations.unserved(session, ids)]

    # -------------------------------------------------------------- ending it

    def conclude(self, claim: Claim, ending: Ending) -> RequestState | None:
        """Bring the request to where its run's end leaves it; None where it is ended already."""
        with transaction(self.engine) as session:
            request = session.get(Request, claim.request_id)
            if request is None:
                return None
            is_held = request.attempts == claim.attempt and request.state in HELD
            if not is_held and ending.state is not RequestState.CANCELLED:
                return None  # the flow ended it itself
            try:
                state = self._apply(session, request, claim, ending)
            except ClaimLost:
                return None  # the flow ended it itself, or another attempt has it
            self._announce(session, [request])
            return state

    def held(self) -> list[Request]:
        """What this worker's name holds: at its start, what a former one left."""
        with transaction(self.engine) as session:
            return leases.held_by(session, self.worker)

    def overdue(self, excluding: Sequence[int]) -> tuple[datetime, list[Overdue]]:
        """The database's time, and the attempts whose lease has run out, without `excluding`."""
        with transaction(self.engine) as session:
            return leases.overdue(session, excluding=excluding)

    def take_over(self, silent: Sequence[Overdue]) -> list[Request]:
        """Requests whose holder stays silent; this worker holds them now, to recover them."""
        with transaction(self.engine) as session:
            lease_seconds = self.settings.lease_seconds
            return leases.take_over(session, silent, lease_seconds=lease_seconds)

    def reject(self, claim: Claim, reason: str) -> None:
        """End a request that no run could be made of as failed, whatever its action's policy."""
        with suppress(ClaimLost), transaction(self.engine) as session:
            holding.finish(session, claim, RequestState.FAILED, error=reason)
            self._announce(session, [requests.get(session, claim.request_id)])

    def open_owed(self) -> list[int]:
        """Open the requests that ought to be open; gives their ids."""
        opened: list[int] = []
        for action in actions.all_actions().values():
            owed: Sequence[BaseModel] = ()
            with isolated("what an action owes could not be read", action=action.name):
                owed = self._owed(action)
            for each in owed:
                with isolated("an owed request could not be opened", action=action.name, of=each):
                    opened.append(self._open(action, each))
        return opened

    def _owed(self, action: Action) -> Sequence[BaseModel]:
        with transaction(self.engine) as session:
            return action.owed(session)

    def _open(self, action: Action, parameters: BaseModel) -> int:
        with transaction(self.engine) as session:
            sweeper = on_ops_side(self.worker, Means.SCHEDULE)
            return requests.accept(session, action, parameters, caller=sweeper, source="sweeper").id

    def fold_counts(self) -> None:
        """Add up, for `/metrics`, the changes of requests' states since this was last done."""
        with transaction(self.engine) as session:
            request_counts.fold(session)

    def live_flow_runs(self, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
        """The flow runs among `ids` whose request is held, by whomever."""
        with transaction(self.engine) as session:
            rows = session.scalars(
                select(Request.flow_run_id).where(
                    among(Request.flow_run_id, ids), Request.state.in_(HELD)
                )
            )
            return {row for row in rows if row is not None}

    def _apply(
        self, session: Session, request: Request, claim: Claim, ending: Ending
    ) -> RequestState:
        action = actions.get(request.action)
        if ending.state is RequestState.CANCELLED:
            cancellations.serve(session, request.id)
        if ending.state is None or _is_doubtful(action, request, ending):
            return self._lost(session, request, claim, ending)
        holding.finish(session, claim, ending.state, error=ending.error)
        return ending.state

    def _lost(
        self, session: Session, request: Request, claim: Claim, ending: Ending
    ) -> RequestState:
        policy = actions.get(request.action).on_lost
        if ending.is_unbegun and not (policy is OnLost.UNKNOWN and request.attempts > 1):
            holding.give_back(session, claim, error=ending.error, delay_seconds=_BACK_OFF_SECONDS)
            return RequestState.QUEUED
        delay = 0.0 if ending.is_handed_back else _back_off(request.attempts)
        if policy is OnLost.UNKNOWN:
            holding.put_off(session, claim, error=ending.error, delay_seconds=delay)
            return RequestState.UNKNOWN
        if policy is OnLost.RERUN and request.attempts < self.settings.max_attempts:
            holding.give_back(session, claim, error=ending.error, delay_seconds=delay)
            return RequestState.QUEUED
        holding.finish(session, claim, RequestState.FAILED, error=ending.error)
        return RequestState.FAILED

    def _announce(self, session: Session, ended: Sequence[Request]) -> None:
        """Commit, with the events of the requests that ended without their flow saying so."""
        announced: list[NewEvent] = []
        for request in ended:
            session.refresh(request)
            if request.state not in (*HELD, RequestState.QUEUED):
                announced.extend(_events_of_end(session, request))
        if announced:
            events.commit(session, announced)


def _events_of_end(session: Session, request: Request) -> Sequence[NewEvent]:
    """What its action announces; that it cannot is said by the request, which ends all the same."""
    action = actions.all_actions().get(request.action)
    if action is None:
        return ()
    try:
        with session.begin_nested():
            return action.ended(session, request)
    except Exception as error:
        if is_outage(error):
            raise
        _log.exception("the end of a request could not be announced", request=request.id)
        said = f"its end could not be announced: {type(error).__name__}: {error}"
        request.error = f"{request.error}; {said}" if request.error else said
        return ()


def _is_doubtful(action: Action, request: Request, ending: Ending) -> bool:
    """Whether a run that failed or was ended may have had its effect: it is not for us to say."""
    may_have_begun = not ending.is_unbegun or request.attempts > 1
    is_said = ending.state is RequestState.COMPLETED
    return action.on_lost is OnLost.UNKNOWN and may_have_begun and not is_said


def _back_off(attempts: int) -> float:
    # The first attempt was lost by whatever killed it, most likely not by its work: at once again.
    if attempts <= 1:
        return 0.0
    return float(min(_MAX_BACK_OFF_SECONDS, _BACK_OFF_SECONDS * 2 ** (attempts - 2)))
