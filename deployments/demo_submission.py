"""The demonstration's second part: a production task goes to the sandbox's PanDA with real prun."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.table import Table

from blocks import monitor_api
from blocks.errors import ProdOpsError
from blocks.pcs_service import PcsService
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


def show(stack: Stack, token: str, console: Console) -> None:
    """Make a task at PCS, submit it, and show each step and its jediTaskID.

    Raises:
        SubmissionNotShown: It was not submitted in time.
    """
    with (
        CampaignMaker(stack.api_url, token) as maker,
        monitor_api.MonitorApi(stack.api_url, token) as api,
        PcsService(stack.api_url, token=token, timeout_seconds=30) as pcs,
    ):
        (name,) = maker.make(["demo"])
        with _heard(api) as heard:
            pressed = time.monotonic()
            pcs.submit(name)
            steps = _follow(heard, name, pressed)
        task = pcs.task(name)
    if task.panda_task_id is None:
        raise SubmissionNotShown(f"{name} was announced, and PCS does not have its id")
    console.print(_table(steps, task.composed_name, task.panda_task_id))


@contextmanager
def _heard(api: monitor_api.MonitorApi) -> Iterator[queue.Queue[monitor_api.StreamEvent]]:
    """What the stream says of submissions from now on."""
    heard: queue.Queue[monitor_api.StreamEvent] = queue.Queue()
    stream = api.follow(monitor_api.StreamFilter(msg_types=_EVENTS))
    connected = threading.Event()

    def listen() -> None:
        for event in stream:
            if event.event == "connected":
                connected.set()
            heard.put(event)

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    if not connected.wait(10):
        raise SubmissionNotShown("the live stream did not open")
    try:
        yield heard
    finally:
        stream.close()
        listening.join(5)


def _follow(
    heard: queue.Queue[monitor_api.StreamEvent], name: str, pressed: float
) -> list[tuple[str, str, float]]:
    """The steps as they were heard: name, text, seconds since the button."""
    steps: list[tuple[str, str, float]] = []
    deadline = pressed + _SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            event = heard.get(timeout=left)
        except queue.Empty:
            break
        if event.data.get("task_name") != name:
            continue
        seconds = time.monotonic() - pressed
        if event.event == "prodtask_submit_failed":
            raise SubmissionNotShown(f"{name}: {event.data['reason']}")
        if event.event == "prodtask_submitted":
            steps.append(("submitted", f"jediTaskID {event.data['jedi_task_id']}", seconds))
            return steps
        steps.append((str(event.data["step"]), str(event.data["text"]), seconds))
    raise SubmissionNotShown(f"{name} was not submitted within {_SECONDS:.0f} s")


def _table(steps: list[tuple[str, str, float]], name: str, jedi_task_id: int) -> Table:
    table = Table("step", "what", "after", title=f"{name} is task {jedi_task_id} at PanDA")
    for step, text, seconds in steps:
        table.add_row(step, text, f"{seconds * 1000:.0f} ms")
    return table
