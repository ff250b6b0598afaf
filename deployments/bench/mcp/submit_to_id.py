"""The part of bench `mcp` that submits: from the tool's call to the answer with PanDA's id."""

from __future__ import annotations

import time
from typing import Final

from deployments.assistant import Assistant, assistant
from deployments.bench.common.figures import Report, at_most, median, span
from deployments.bench.common.stack import BenchBroken, BenchStack, say

SETTINGS: Final = {
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_PANDA_REFINE_SECONDS": "0.2",
}
"""What a stack needs for it."""
_TOOL: Final = "pcs_prodtask_submit"
_RUNS: Final = 15
_WARM_UP: Final = 2
_CALM_SECONDS: Final = 0.5
_WAIT_SECONDS: Final = 30
_MOST_SECONDS: Final = 1.2


def measure(running: BenchStack, report: Report, *, runs: int = _RUNS) -> None:
    """Submit tasks one after another by an MCP client; adds `submit_to_id_s`."""
    names = running.make_tasks([f"asked{number:03d}" for number in range(runs + _WARM_UP)])
    seconds = []
    with assistant(running.stack.api_url, running.token) as client:
        for name in names:
            running.wait_calm(_CALM_SECONDS)
            seconds.append(_submit(client, name))
            say(f"{_TOOL} to the answer with the id {seconds[-1]:.3f} s")
    del seconds[:_WARM_UP]
    report.add("submit_to_id_s", median(seconds), at_most(_MOST_SECONDS), remark=span(seconds))


def _submit(client: Assistant, name: str) -> float:
    began = time.monotonic()
    answer = client.ask(_TOOL, name=name, wait_seconds=_WAIT_SECONDS)
    seconds = time.monotonic() - began
    if answer["jedi_task_id"] is None:
        raise BenchBroken(f"{name} is {answer['state']} without an id: {answer['error']}")
    return seconds
