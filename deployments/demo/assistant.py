"""The demonstration's task by an assistant: an MCP client submits it, and shows what it is told."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.table import Table

from blocks.errors import ProdOpsError
from deployments.assistant import assistant
from deployments.sandbox.campaign import CampaignMaker
from deployments.stack.stack import Stack

_SECONDS: Final = 30
_SUBMIT: Final = "pcs_prodtask_submit"
_SHOWN: Final = ("queued", "request_id", "state", "jedi_task_id", "panda_task_name", "task_url")


class NotSubmitted(ProdOpsError):
    """The assistant's task has no id."""


def show(stack: Stack, token: str, console: Console) -> str:
    """Let an MCP client submit a task, show what it was answered; gives the page of the task.

    Raises:
        ToolRefused: The tool answered an error.
        NotSubmitted: The task has no id after the wait.
    """
    with CampaignMaker(stack.api_url, token) as maker:
        (name,) = maker.make(["assistant"])
    with assistant(stack.api_url, token) as client:
        tools = client.tools()
        answer = client.ask(_SUBMIT, name=name, wait_seconds=_SECONDS)
    if answer["jedi_task_id"] is None:
        raise NotSubmitted(f"{name} is {answer['state']} after {_SECONDS} s: {answer['error']}")
    console.print(_table(answer, len(tools)))
    return str(answer["task_url"])


def _table(answer: dict[str, Any], tools: int) -> Table:
    title = f"An MCP client, which sees {tools} tools, calls {_SUBMIT}"
    table = Table("key", "answer", title=title)
    for key in _SHOWN:
        table.add_row(key, str(answer[key]))
    return table
