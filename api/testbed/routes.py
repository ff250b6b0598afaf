"""Commands to users' testbeds: asked for by people, taken and answered by controllers.

The web tier starts no process and sends no signal: a user's controller does, on its own host.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request

from api.http.access import Reader, TokenRequester
from api.http.errors import Problem, reading, writing
from api.http.sessions import session_of
from api.http.silence import RestRoute
from api.testbed.views import (
    NAME,
    AnswerForm,
    CommandForm,
    CommandView,
    TakeForm,
    TakenView,
    view,
)
from flows.common.database import now
from flows.testbed import commands, repository

router = APIRouter(route_class=RestRoute, prefix="/api/testbed/commands", tags=["testbed"])

_MAX_ID: Final = 2**63 - 1
_WRITING: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Problem, "description": "No good token."},
    **writing(),
}
CommandId = Annotated[int, Path(ge=1, le=_MAX_ID)]


@router.post("/", status_code=202, summary="Command a user's testbed", responses=_WRITING)
def command_testbed(request: Request, caller: TokenRequester, form: CommandForm) -> CommandView:
    """One's own takes the scope `request`, another's `operate`. 409: no controller is there."""
    with session_of(request) as session:
        user = form.user or caller.name
        command = commands.accept(
            session, caller, user=user, verb=form.verb, target=form.target, config=form.config
        )
    return view(command, now())


@router.get("/", summary="The newest commands to testbeds", responses=reading())
def list_commands(
    request: Request,
    _reader: Reader,
    user: Annotated[str | None, Query(max_length=85, pattern=NAME)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[CommandView]:
    """Of one user or of all, newest first."""
    with session_of(request) as session:
        return [view(each, now()) for each in repository.newest(session, user, limit)]


@router.get("/{command_id}/", summary="One command to a testbed", responses=reading(404))
def get_command(command_id: CommandId, request: Request, _reader: Reader) -> CommandView:
    """How it stands, and what came of it."""
    with session_of(request) as session:
        return view(repository.get(session, command_id), now())


@router.post("/take/", summary="Take the next command, as a controller", responses=_WRITING)
def take_command(request: Request, caller: TokenRequester, form: TakeForm) -> TakenView:
    """Each command is taken once. What a controller that is gone had taken has failed."""
    with session_of(request) as session:
        command = commands.take(session, caller, user=form.user, taken_by=form.taken_by)
    return TakenView(command=None if command is None else view(command, now()))


@router.post(
    "/{command_id}/answer/", summary="Answer a command, as a controller", responses=_WRITING
)
def answer_command(
    command_id: CommandId, request: Request, caller: TokenRequester, form: AnswerForm
) -> CommandView:
    """Once, by the controller that took it."""
    with session_of(request) as session:
        command = commands.answer(
            session,
            caller,
            command_id,
            taken_by=form.taken_by,
            result=form.result,
            error=form.error,
        )
    return view(command, now())
