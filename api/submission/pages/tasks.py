"""Production tasks: the list, many of which may be submitted at once, and a page for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.http import pages, wording
from api.http.access import Caller, Kind, gatekeeper
from api.pcs.errors import AmbiguousIdentity, TaskNotFound
from api.pcs.models import ProdTask, TaskStatus
from api.pcs.queries import tasks
from api.submission.pages import detail as tasks_detail
from api.submission.pages import list as tasks_list
from api.submission.pages.gate import Operation, hindrances
from api.submission.pages.list import Filter
from api.submission.pages.submission import Phase, submission_of
from flows.common import events
from flows.common.database import now, transaction
from flows.common.settings import Settings

router = APIRouter(route_class=pages.PageRoute, prefix="/pcs/tasks", include_in_schema=False)

_MOST_STATES: Final = tasks_list.PAGE_SIZE
_MOST_PLANNED: Final = 10_000
_MAX_KEY: Final = 2**31 - 1

T = TypeVar("T")

# ------------------------------------------------------------------ the list


@router.get("/")
async def list_page(request: Request) -> Response:
    """The tasks of a filter, a page at a time; everything is in the address."""
    viewer = await pages.viewer_of(request)
    wanted = Filter.of(dict(request.query_params))
    found = await _read(request, lambda session: _listing(session, wanted))
    return await pages.show(
        request,
        "tasks.html",
        viewer,
        **found,
        **_shared(request, viewer),
        wanted=wanted,
        page_size=tasks_list.PAGE_SIZE,
        no_campaign=tasks_list.NO_CAMPAIGN,
        statuses=[status.value for status in TaskStatus],
    )


def _listing(session: Session, wanted: Filter) -> dict[str, Any]:
    last_event_id = events.freeze(session)
    return {"last_event_id": last_event_id, "listing": tasks_list.read(session, wanted)}


# ------------------------------------------------------------------ many at once


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
    settings: Settings = request.app.state.settings

    def judge(session: Session) -> list[Planned]:
        keys = tasks_list.keys(session, wanted) if wanted is not None else _keys(ids)
        return _judged(session, keys[:_MOST_PLANNED], operation, caller, settings)

    found = await _read(request, judge)
    return Plan(
        operation=operation,
        will=[each for each in found if not each.reasons],
        wont=[each for each in found if each.reasons],
        caller=caller.name,
        may_write=caller.may_write,
    )


def _judged(
    session: Session, keys: list[int], operation: Operation, caller: Caller, settings: Settings
) -> list[Planned]:
    found = _loaded(session, keys)
    named = _references(session, found)
    return [
        Planned(
            id=task.id,
            name=task.name,
            label=task.dataset.composed_name,
            reference=quote(named[task.id], safe=""),
            reasons=hindrances(operation, standing, caller=caller, is_relaxed=settings.pcs.relaxed),
        )
        for task, standing in tasks_detail.standings(session, found, settings)
    ]


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


@router.get("/states.json")
async def states(request: Request, ids: str) -> list[State]:
    """How the submissions of up to 100 tasks stand, for a page that missed an event."""
    await gatekeeper(request).reader(request)
    keys = _keys(ids)[:_MOST_STATES]
    return await _read(
        request, lambda session: [_state(session, task) for task in _loaded(session, keys)]
    )


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
    words = (word for word in ids.split(",") if word.isascii() and word.isdecimal())
    return [int(word) for word in words if len(word) < len(str(_MAX_KEY))]


def _loaded(session: Session, keys: list[int]) -> list[ProdTask]:
    query = select(ProdTask).where(ProdTask.id.in_(keys)).options(*tasks.loaded())
    place = {key: number for number, key in enumerate(keys)}
    return sorted(session.scalars(query), key=lambda task: place[task.id])


def _references(session: Session, found: list[ProdTask]) -> dict[int, str]:
    return tasks_list.references(session, [(task.id, task.dataset.composed_name) for task in found])


# ------------------------------------------------------------------ one task


@router.get("/compose/")
async def compose_page(
    request: Request, selected: Annotated[str, Query(max_length=1000)] = ""
) -> Response:
    """The address under which others link to a task."""
    return await (task_page(request, selected) if selected else list_page(request))


@router.get("/{name:path}")
async def task_page(request: Request, name: str) -> Response:
    """One task: what will run, how it stands, its attempts, and what can be done."""
    viewer = await pages.viewer_of(request)
    wanted = name.removesuffix("/")
    settings: Settings = request.app.state.settings
    shared = _shared(request, viewer)
    try:
        found = await _read(request, lambda session: _detail(session, wanted, viewer, settings))
    except TaskNotFound:
        what = f"production task “{wanted[:300]}”"
        return await pages.show(request, "missing.html", viewer, status=404, what=what)
    except AmbiguousIdentity as several:
        return await pages.show(
            request, "tasks_several.html", viewer, status=409, several=several, **shared
        )
    return await pages.show(request, "tasks_task.html", viewer, **found, **shared)


def _detail(session: Session, name: str, viewer: Caller, settings: Settings) -> dict[str, Any]:
    last_event_id = events.freeze(session)
    task = tasks.resolve(session, name)
    detail = tasks_detail.read(session, task, caller=viewer, settings=settings)
    return {"last_event_id": last_event_id, "detail": detail}


# ------------------------------------------------------------------ shared


async def _read(request: Request, work: Callable[[Session], T]) -> T:
    def in_transaction() -> T:
        with transaction(request.app.state.engine) as session:
            return work(session)

    return await run_in_threadpool(in_transaction)


def _shared(request: Request, viewer: Caller) -> dict[str, Any]:
    settings: Settings = request.app.state.settings
    prefix = pages.prefix_of(request)
    monitor = settings.pcs.panda_monitor_url
    return {
        "known": {
            "name": viewer.name if viewer.kind is not Kind.NOBODY else "",
            "kind": viewer.kind.value,
            "may_write": viewer.may_write,
        },
        "is_relaxed": settings.pcs.relaxed,
        "monitor": lambda key: monitor.replace("{id}", str(key)) if monitor else "",
        "task_path": lambda reference: f"{prefix}/pcs/tasks/{quote(reference, safe='')}/",
        "did_path": lambda did: f"{prefix}/pcs/did/?did={quote(did, safe=':/')}",
        "task_api": lambda reference: f"{prefix}/pcs/api/prod-tasks/{quote(reference, safe='')}/",
        "monitor_template": monitor or "",
        "wording": wording,
        "Phase": Phase,
        "Operation": Operation,
        "time_now": now(),
    }
