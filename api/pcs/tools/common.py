"""What PCS's tools share: who writes, and addresses of pages."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from pydantic import Field

from api.http.tools.arguments import Name
from api.http.tools.calls import Call
from api.http.tools.declaration import Advice
from api.http.tools.speaking import UNNAMED, speaker
from api.pcs.errors import TaskNotFound
from api.pcs.services.access import Actor
from flows.common.callers import Caller

SOURCE = "mcp"
TASK_ADVICE: Final[Advice] = {
    TaskNotFound: "pcs_prodtask_list finds tasks by a part of the name.",
}
PageSize = Annotated[int, Field(ge=1, le=200, description="How many are answered at most.")]
TaskName = Annotated[Name, Field(description="Composed name, stored name or key of the task.")]
CreatedBy = Annotated[
    Name, Field(description="Whose it is: yours, unless a named service names another.")
]


def actor(call: Call, name: str = UNNAMED) -> Actor:
    """Who writes: the caller, or whom a named service speaks for.

    Raises:
        Forbidden: The caller is no service, and names another.
    """
    caller: Caller = speaker(call.caller, name)
    return Actor(caller, is_relaxed=call.settings.pcs.relaxed, source=SOURCE)


def task_url(call: Call, name: str) -> str:
    """The page of a task."""
    return call.link(f"/pcs/tasks/{quote(name, safe='')}/")
