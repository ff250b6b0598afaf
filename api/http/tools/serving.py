"""A tool's call from its arguments to its answer; whatever goes wrong is said in words."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from fastapi import Request
from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool

from api.http import errors
from api.http.access import gatekeeper
from api.http.errors import Rejection
from api.http.sessions import session_of
from api.http.silence import unless_silent
from api.http.tools.answers import bounded
from api.http.tools.arguments import Arguments
from api.http.tools.calls import Call
from api.http.tools.declaration import CONFIRM, WAIT, Tool
from api.http.tools.waiting import waited
from blocks.errors import ProdOpsError
from flows.common.callers import Caller
from flows.common.database_errors import (
    DatabaseState,
    DatabaseUnavailable,
    StatementTooSlow,
    is_of_value,
)

TIMES: Final = "times"
MAY_BE_DONE: Final = "It may have been done all the same: look before you call it again."
_REVOKED: Final = "`prodops token create` or the page /me/ makes one."
_LIMIT: Final = "limit"


class ToolFailed(ProdOpsError):
    """The call came to nothing; the text says why and what to do."""


async def serve(
    tool: Tool, given: Mapping[str, Any], *, caller: Caller, request: Request
) -> dict[str, Any]:
    """What the tool answers.

    Raises:
        ToolFailed: It answers nothing.
    """
    try:
        caller.require(tool.scope, tool.name)
        return await _served(tool, Arguments(tool, given), caller, request)
    except ProdOpsError as error:
        raise _failed(tool, error, request) from error
    except DBAPIError as error:
        if not is_of_value(error):
            raise
        raise ToolFailed("A value cannot be stored, or be compared with what is.") from error


async def _served(
    tool: Tool, arguments: Arguments, caller: Caller, request: Request
) -> dict[str, Any]:
    def answered() -> Any:
        return _answer(tool, arguments, caller, request)

    if tool.writes:  # to its end: what is written may be there, whatever was answered
        answer = await run_in_threadpool(answered)
    else:
        answer = await unless_silent(request, lambda: run_in_threadpool(answered))
    whole = await run_in_threadpool(_whole, tool, arguments, answer)
    if tool.reread is not None and arguments.wait_seconds:
        return await _waited(tool, whole, arguments, caller, request)
    return whole


def _answer(tool: Tool, arguments: Arguments, caller: Caller, request: Request) -> Any:
    with session_of(request) as session:
        call = Call(caller, session, request)
        if tool.takes_form:
            return tool.function(call, arguments.form)
        return tool.function(call, **arguments.by_name)


def _whole(tool: Tool, arguments: Arguments, answer: Any) -> dict[str, Any]:
    """The answer as it is sent."""
    found = bounded(answer, narrow=_narrower(tool))
    if names := arguments.zoneless:
        found[TIMES] = f"UTC: {', '.join(names)} came without a zone"
    return found


async def _waited(
    tool: Tool, answer: dict[str, Any], arguments: Arguments, caller: Caller, request: Request
) -> dict[str, Any]:
    """The answer once it has ended, as far as it may be waited for.

    What was done is answered, whatever becomes of the database or the token meanwhile.
    """

    def anew(before: dict[str, Any]) -> dict[str, Any]:
        assert tool.reread is not None  # noqa: S101 - else nobody waits
        with session_of(request) as session:
            found = tool.reread(Call(caller, session, request), before)
        return _whole(tool, arguments, found)

    async def again(before: dict[str, Any]) -> dict[str, Any]:
        with suppress(*errors.PASSING):
            await gatekeeper(request).assistant(request)  # the token may have been revoked
            return await unless_silent(request, lambda: run_in_threadpool(anew, before))
        return before

    feed = request.app.state.feed
    seconds = arguments.wait_seconds
    try:
        return await waited(feed, answer, tool.pending, again, seconds=seconds)
    except Rejection as refusal:
        if tool.writes:
            return answer
        raise ToolFailed(f"{_in_words(refusal.body)} {_REVOKED}") from refusal


def _narrower(tool: Tool) -> str:
    """What the tool may be asked to answer less."""
    names = list(tool.form.model_fields)
    if _LIMIT not in names:  # of one thing, which its arguments only name
        return "The pages show all of it."
    paging = [name for name in (_LIMIT, "offset") if name in names]
    ways = [", ".join(name for name in names if name not in {*paging, CONFIRM, WAIT})]
    ways = [f"by {filters}" for filters in ways if filters] + [f"with {' and '.join(paging)}"]
    return f"Ask for less, {' or '.join(ways)}."


def _failed(tool: Tool, error: ProdOpsError, request: Request) -> ToolFailed:
    text = str(error)
    if isinstance(error, Rejection):
        text = _in_words(error.body)
    if isinstance(error, errors.PASSING):
        errors.note(request, error)
        text = f"{text}. {_next(tool, error)}"
    elif advice := _advice(tool, error):
        text = f"{text.rstrip('.')}. {advice}"
    failed = ToolFailed(text)
    failed.details = error.details
    return failed


def _advice(tool: Tool, error: ProdOpsError) -> str:
    """What the tool has to say about such an error; empty: nothing."""
    said = (tool.advice[kind] for kind in type(error).__mro__ if kind in tool.advice)
    return next(said, "")


def _next(tool: Tool, error: ProdOpsError) -> str:
    """What to do where the database did not do it this time."""
    if isinstance(error, StatementTooSlow) and not tool.writes:
        return f"The same again would take as long. {_narrower(tool)}"
    if not tool.writes or _is_undone(error):
        return f"Nothing was done; call it again in {errors.RETRY_SECONDS} s."
    if tool.is_idempotent:
        return f"Call it again in {errors.RETRY_SECONDS} s; what is done is not done twice."
    return MAY_BE_DONE  # a connection may die behind the commit


def _is_undone(error: ProdOpsError) -> bool:
    """Whether PostgreSQL itself said that it did nothing."""
    if isinstance(error, DatabaseUnavailable):
        return error.state is not DatabaseState.AWAY
    return isinstance(error, StatementTooSlow)


def _in_words(body: Mapping[str, object]) -> str:
    """What a refusal's body says, in one line."""
    if set(body) <= {"detail", "error"}:
        return " ".join(str(value) for value in body.values())
    return "; ".join(
        f"{name}: {' '.join(map(str, text)) if isinstance(text, list) else text}"
        for name, text in body.items()
    )
