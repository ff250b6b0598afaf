"""The demonstration's second part: a production task goes to the sandbox's PanDA with real prun."""

from __future__ import annotations

import time
from typing import Final

from rich.console import Console
from rich.table import Table

from blocks import monitor_api
from blocks.errors import ProdOpsError
from blocks.pcs_service import PcsService
from deployments.demo.stream import Heard, heard
from deployments.sandbox.campaign import CampaignMaker
from deployments.stack.stack import Stack

_SECONDS: Final = 60.0
_EVENTS: Final = (
    "prodtask_submit_progress",
    "prodtask_submitted",
    "prodtask_submit_failed",
)


class SubmissionNotShown(ProdOpsError):
    """The demonstration's task did not reach PanDA."""


def show(stack: Stack, token: str, console: Console) -> int:
    """Make a task at PCS, submit it, and show each step; gives its jediTaskID.

    Raises:
        SubmissionNotShown: It was not submitted.
        NotHeard: Nothing was heard of its end in time.
    """
    with (
        CampaignMaker(stack.api_url, token) as maker,
        monitor_api.MonitorApi(stack.api_url, token) as api,
        PcsService(stack.api_url, token=token, timeout_seconds=30) as pcs,
    ):
        (name,) = maker.make(["demo"])
        with heard(api, _EVENTS) as news:
            pressed = time.monotonic()
            pcs.submit(name)
            steps = _follow(news, name, pressed)
        task = pcs.task(name)
    if task.panda_task_id is None:
        raise SubmissionNotShown(f"{name} was announced, and PCS does not have its id")
    console.print(_table(steps, task.composed_name, task.panda_task_id))
    return task.panda_task_id


def _follow(news: Heard, name: str, pressed: float) -> list[tuple[str, str, float]]:
    """The steps as they were heard: name, text, seconds since the button."""
    steps: list[tuple[str, str, float]] = []
    for event in news.about(_SECONDS, task_name=name):
        seconds = time.monotonic() - pressed
        if event.event == "prodtask_submit_failed":
            raise SubmissionNotShown(f"{name}: {event.data['reason']}")
        if event.event == "prodtask_submitted":
            steps.append(("submitted", f"jediTaskID {event.data['jedi_task_id']}", seconds))
            break
        steps.append((str(event.data["step"]), str(event.data["text"]), seconds))
    return steps


def _table(steps: list[tuple[str, str, float]], name: str, jedi_task_id: int) -> Table:
    table = Table("step", "what", "after", title=f"{name} is task {jedi_task_id} at PanDA")
    for step, text, seconds in steps:
        table.add_row(step, text, f"{seconds * 1000:.0f} ms")
    return table
