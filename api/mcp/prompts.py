"""Prompts for what people bring to an assistant: which tools to call, and how to answer."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastmcp.exceptions import ValidationError
from fastmcp.prompts import Prompt
from fastmcp.prompts.base import PromptArgument, PromptResult
from pydantic import BaseModel, Field, PrivateAttr

from api.http.tools.arguments import Name, read
from api.http.tools.declaration import form_of
from blocks.errors import Invalid

_HOW: Final = """
How to answer: facts that the tools have answered, each with its link; what you conclude yourself,
said as your conclusion. Times in UTC. `unknown` is not a failure: it is being established. What
the tools do not tell, say that you do not know. Start, cancel and change nothing unless you are
asked to.
"""


def why_did_my_task_fail(
    task: Annotated[Name, Field(description="Name of a production task, or its jediTaskID.")],
) -> str:
    """Find out why a production task failed, and what to do."""
    return f"""Find out why the production task {task!r} failed.

1. Call explain_failure with task {task!r}: it names the step, the reason, the last errors of the
   log and what to do. Where it tells all, answer.
2. Its about.name is the task's stored name. Call pcs_prodtask_get with that name for the task
   itself, and list_requests with it as the subject for what was asked of it; get_request tells the
   outcome of one.
3. Where a job failed on the grid, call fetch_payload_log for one failed job, wait for its request
   by get_request, and read its last errors.
4. Where our own parts failed, call list_logs with level ERROR around the time of the failure.

Answer in this order: what failed at which step, since when, the reason in one sentence, the
evidence (the lines of the log), what to do next and who can do it.
{_HOW}"""


def what_is_missing(
    campaign: Annotated[Name, Field(description="Name of a campaign, such as 26.12.0.")],
) -> str:
    """Find out what a campaign still lacks."""
    return f"""Find out what is missing in the campaign {campaign!r}.

1. Call campaign_status for the campaign: what was asked for, produced and is missing.
2. For a dataset that is missing or incomplete, call data_provenance: which task makes it, and how
   far that is.
3. Call pcs_prodtask_list for tasks that failed or were never submitted, and explain_failure for
   those that failed.
4. Where the last sweep is older than a day, say so: what it has not seen may be there.

Answer with a table: dataset or task, what is missing, why, what to do. Begin with the sum in one
sentence. Tell apart: missing, not finished yet, unknown.
{_HOW}"""


def write_shift_summary(
    hours: Annotated[int, Field(ge=1, le=168, description="How far to look back.")] = 8,
) -> str:
    """Write the summary of a shift."""
    return f"""Write the summary of the last {hours} hours' shift.

1. Call get_system_state for how all is now.
2. Call list_runs, and get_run for each run of the shift; list_workflow_executions, and
   get_workflow_monitor for those that failed; start_time is {hours} hours ago.
3. Call list_requests for what was asked for, and explain_failure for what failed.
4. Call list_logs with level ERROR, and list_agents with status "all" for agents that have ended.

Answer in five parts, at most a screen: data taking (runs, STFs), production (submitted, done,
failed), problems and what was done about them, what is open, what the next shift should look at.
{_HOW}"""


_JOBS: Final = (why_did_my_task_fail, what_is_missing, write_shift_summary)


class ServedPrompt(Prompt):
    """A prompt whose arguments are checked as a tool's are."""

    _function: Callable[..., str] = PrivateAttr()
    _form: type[BaseModel] = PrivateAttr()

    @classmethod
    def of(cls, function: Callable[..., str]) -> ServedPrompt:
        """The prompt that a function writes."""
        form = form_of(function, inspect.signature(function).parameters.values())
        arguments = [
            PromptArgument(name=name, description=about.description, required=about.is_required())
            for name, about in form.model_fields.items()
        ]
        prompt = cls(
            name=function.__name__, description=inspect.getdoc(function), arguments=arguments
        )
        prompt._function, prompt._form = function, form
        return prompt

    async def render(self, arguments: dict[str, Any] | None = None) -> PromptResult:
        """The text; where an argument is wrong, an error that names it."""
        try:
            given = read(self._form, arguments or {}, of=self.name)
        except Invalid as error:  # the caller's to read: the log need not tell it
            raise ValidationError(str(error), log_level=logging.DEBUG) from error
        return self.convert_result(self._function(**dict(given)))


def all_prompts() -> list[Prompt]:
    """The prompts of this server."""
    return [ServedPrompt.of(each) for each in _JOBS]
