"""What the list of tasks asks for: a plan for many at once, and how submissions stand."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from api.http import pages
from api.http.access import gatekeeper
from api.http.sessions import read, settings_of
from api.pcs.models import ProdTask
from api.pcs.queries.rows import key_of
from api.submission.domain import Operation, Phase, refusals
from api.submission.queries import detail, listing
from api.submission.queries.listing import Filter
from api.submission.queries.submission import submission_of
from flows.common.callers import Scope

router = APIRouter(route_class=pages.PageRoute, prefix="/pcs/tasks", include_in_schema=False)

_MOST_PLANNED: Final = 10_000


class Planned(BaseModel):
    """A task of a plan: what names it, and why the operation would be refused."""

    id: int
    name: str
    label: str
    reference: str
    reasons: list[str]


class Plan(BaseModel):
    """What an operation on many tasks would do, and what not."""

    operation: Operation
    will: list[Planned]
    wont: list[Planned]
    caller: str
    may_write: bool


class State(BaseModel):
    """How the submission of a task stands."""

    id: int
    name: str
    status: str
    phase: Phase
    step: str
    reason: str
    jedi_task_id: int | None
    request_id: int | None


@router.get("/plan.json")
async def plan(
    request: Request,
    operation: Operation,
    ids: str = "",
    all: bool = False,  # noqa: A002, FBT001, FBT002 - the query's word
) -> Plan:
    """Which of the tasks `ids`, or of all that a filter shows, an operation would be done to."""
    caller = await gatekeeper(request).reader(request)
    wanted = Filter.of(dict(request.query_params)) if all else None
    settings = settings_of(request)

    def judged(session: Session) -> list[Planned]:
        keys = listing.keys(session, wanted) if wanted is not None else _keys(ids)
        found = listing.tasks_of(session, keys[:_MOST_PLANNED])
        references = listing.references(session, found)
        return [
            Planned(
                id=standing.task.id,
                name=standing.task.name,
                label=standing.task.dataset.composed_name,
                reference=quote(references[standing.task.id], safe=""),
                reasons=refusals(
                    operation, standing, caller=caller, is_relaxed=settings.pcs.relaxed
                ),
            )
            for standing in detail.standings(session, found, settings)
        ]

    found = await read(request, judged)
    return Plan(
        operation=operation,
        will=[each for each in found if not each.reasons],
        wont=[each for each in found if each.reasons],
        caller=caller.name,
        may_write=caller.may(Scope.REQUEST),
    )


@router.get("/states.json")
async def states(request: Request, ids: str) -> list[State]:
    """How the submissions of up to 100 tasks stand, for a page that missed an event."""
    await gatekeeper(request).reader(request)

    def standing(session: Session) -> list[State]:
        found = listing.tasks_of(session, _keys(ids)[: listing.PAGE_SIZE])
        return [_state(session, task) for task in found]

    return await read(request, standing)


def _state(session: Session, task: ProdTask) -> State:
    submission = submission_of(session, task)
    return State(
        id=task.id,
        name=task.name,
        status=task.status,
        phase=submission.phase,
        step=submission.step,
        reason=submission.reason,
        jedi_task_id=submission.jedi_task_id,
        request_id=submission.request.id if submission.request is not None else None,
    )


def _keys(ids: str) -> list[int]:
    return [key for word in ids.split(",") if (key := key_of(word)) is not None]
