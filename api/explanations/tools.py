"""The explanation, for assistants."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.explanations import of_job, of_request, of_task
from api.explanations.domain import Explanation
from api.http.fields import MAX_BIG_INTEGER
from api.http.tools.arguments import Name
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.pcs.queries import tasks
from api.pcs.tools.common import TASK_ADVICE
from blocks.errors import Invalid
from flows.common.requests import RequestNotFound

toolbox = Toolbox(
    advice={**TASK_ADVICE, RequestNotFound: "list_requests has those that there are."}
)

_Id = Field(ge=1, le=MAX_BIG_INTEGER)
_TASK = Field(description="Composed or stored name of a task, or its jediTaskID.")


@toolbox.tool("explain_failure")
def explain_failure(
    call: Call,
    *,
    request_id: Annotated[int | None, _Id] = None,
    task: Annotated[Name | None, _TASK] = None,
    pandaid: Annotated[int | None, _Id] = None,
) -> Explanation:
    """What failed of a task, a request or a PanDA job: at which step, why, and what to do.

    Give one of them. The verdict unknown is no failure: the outcome is being established, or only
    PanDA knows it. Of a job it shows the errors of its log, if that was fetched.
    """
    given = {"request_id": request_id, "task": task, "pandaid": pandaid}
    if sum(value is not None for value in given.values()) != 1:
        raise Invalid({"task": ["Give one of task, request_id and pandaid."]})
    if request_id is not None:
        return of_request.explain(call, request_id)
    if pandaid is not None:
        return of_job.explain(call, pandaid)
    return of_task.explain(call, tasks.resolve_known(call.session, task or ""))
