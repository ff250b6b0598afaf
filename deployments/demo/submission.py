"""The demonstration's second part: a production task goes to the sandbox's PanDA with real prun."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from blocks import monitor_api
from blocks.errors import ProdOpsError
from blocks.pcs_service import PcsService
from deployments.demo.stream import Steps, heard
from deployments.sandbox.campaign import CampaignMaker
from deployments.stack.stack import Stack

_SECONDS: Final = 60.0
_PROGRESS: Final = "prodtask_submit_progress"
_DONE: Final = "prodtask_submitted"
_FAILED: Final = "prodtask_submit_failed"


class SubmissionNotShown(ProdOpsError):
    """PCS does not have the id of the demonstration's task."""


def show(stack: Stack, token: str, console: Console) -> int:
    """Make a task at PCS, submit it, and show each step; gives its jediTaskID.

    Raises:
        EndedBadly: It was not submitted.
        SubmissionNotShown: PCS does not know that it was.
        NotHeard: Nothing was heard of its end in time.
    """
    with (
        CampaignMaker(stack.api_url, token) as maker,
        monitor_api.MonitorApi(stack.api_url, token) as api,
        PcsService(stack.api_url, token=token, timeout_seconds=30) as pcs,
    ):
        (name,) = maker.make(["demo"])
        with heard(api, (_PROGRESS, _DONE, _FAILED)) as news:
            steps = Steps()
            pcs.submit(name)
            events = news.about(_SECONDS, task_name=name)
            ended = steps.follow(events, name, failed=_FAILED, done=_DONE)
            steps.note("submitted", f"jediTaskID {ended.data['jedi_task_id']}")
        task = pcs.task(name)
    if task.panda_task_id is None:
        raise SubmissionNotShown(f"{name} was announced, and PCS does not have its id")
    console.print(steps.table(f"{task.composed_name} is task {task.panda_task_id} at PanDA"))
    return task.panda_task_id
