"""Executions of workflows over REST, with their runs; beside `workflow-executions`, their rows."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from api.http.access import Reader
from api.http.links import page_link
from api.http.lists import Page
from api.http.sessions import session_of
from api.http.silence import RestRoute
from api.workflows.queries import detail, executions, messages
from api.workflows.queries.executions import Filter
from api.workflows.views import ExecutionDetail, ExecutionView, MessageView
from flows.common.text import Text

router = APIRouter(route_class=RestRoute, prefix="/api/workflow-runs", tags=["workflows"])

_MAX_OFFSET: Final = 2**63 - 1
Limit = Annotated[int, Query(ge=1, le=1000)]
Before = Annotated[int, Query(ge=1, le=messages.NEWEST, description="Older than this one.")]


class ExecutionPage(Page[ExecutionView]):
    """A page of executions, the newest first."""


@router.get("/", summary="Executions of workflows, with their runs")
def list_executions(
    request: Request,
    _reader: Reader,
    namespace: Text = "",
    status: Text = "",
    limit: Limit = 50,
    offset: Annotated[int, Query(ge=0, le=_MAX_OFFSET)] = 0,
) -> ExecutionPage:
    """By namespace and status, a page at a time. To start or stop one, request an action."""
    wanted = Filter(namespace=namespace, status=status)
    with session_of(request) as session:
        count, rows = executions.page(session, wanted, limit=limit, offset=offset)
    after = offset + limit
    return ExecutionPage(
        count=count,
        next=page_link(request, limit=limit, offset=after) if after < count else None,
        previous=page_link(request, limit=limit, offset=offset - limit) if offset else None,
        results=rows,
    )


@router.get("/{execution_id}/", summary="One execution, with its run")
def get_execution(execution_id: str, request: Request, _reader: Reader) -> ExecutionDetail:
    """Its parameters and where each came from, its phases in time, who takes part, and how."""
    with session_of(request) as session:
        return detail.read(session, execution_id)


@router.get("/{execution_id}/messages/", summary="An execution's messages")
def list_messages(
    execution_id: str,
    request: Request,
    _reader: Reader,
    msg_type: Text = "",
    before: Before = messages.NEWEST,
    limit: Limit = 50,
) -> list[MessageView]:
    """The messages of its run, the newest first, of one type or of all."""
    with session_of(request) as session:
        found = detail.find(session, execution_id)
        return messages.page(session, found, msg_type=msg_type, before=before, limit=limit)
