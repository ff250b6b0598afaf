"""What comes of a command to a testbed, waited for a few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final, cast

from fastapi import Request
from sqlalchemy.orm import Session

from api.http.frames import Wanted
from api.http.listeners import Start
from api.http.sessions import read
from api.http.stream import Feed
from api.testbed.views import CommandView, view
from flows.common.callers import Caller
from flows.common.database import now
from flows.testbed import messages, repository
from flows.testbed.domain import CommandState, is_unanswered

_SECONDS: Final = 10.0
_ENDED: Final = frozenset({CommandState.DONE, CommandState.FAILED})


async def outcome(request: Request, caller: Caller, command: CommandView) -> CommandView:
    """The command when it has ended; as it stands after ten seconds, where it has not.

    It is looked at whenever the stream tells of the end of a command to that user's testbed.
    """
    feed: Feed = request.app.state.feed
    wanted = Wanted(msg_types=frozenset({messages.ENDED}), subject=frozenset({command.user}))
    listening = cast(
        "AsyncGenerator[bytes, None]", feed.listen(wanted, Start(), proof=caller.proof)
    )
    with suppress(TimeoutError):
        async with asyncio.timeout(_SECONDS), aclosing(listening):
            async for _frame in listening:  # the first says that it listens: nothing is missed
                command = await _look(request, command.id)
                if command.state in _ENDED:
                    break
    return command


def success_of(command: CommandView) -> bool | None:
    """Whether it was done; None where that is not known, or not yet."""
    if command.state is CommandState.DONE:
        return True
    if command.state is not CommandState.FAILED:
        return None
    return None if is_unanswered(command.error, command.taken_by) else False


async def _look(request: Request, command_id: int) -> CommandView:
    def found(session: Session) -> CommandView:
        return view(repository.get(session, command_id), now())

    return await read(request, found)
