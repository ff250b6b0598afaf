"""The demonstration's first part: a data-taking run through the testbed, as `testbed run` does."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from blocks import monitor_api
from blocks.errors import ProdOpsError
from deployments.demo.stream import listening
from deployments.sandbox.broker.access import AGENT_USER, HOST, broker_environment, login_file
from deployments.stack.stack import Stack
from deployments.testbed.environment import Monitor
from deployments.testbed.lifecycle import UserTestbed
from deployments.testbed.progress import Progress as Heard
from deployments.testbed.running import Report, Runner
from deployments.testbed.workflow_request import Options, form_of

STFS: Final = 20
TFS_PER_STF: Final = 7
_READY_SECONDS: Final = 60.0
_ARRIVAL_SECONDS: Final = 30.0
_TESTBED: Final = f"""\
[testbed]
namespace = "demo"

[agents.data]
[agents.processing]
[agents.fast_processing]
[agents.fastmon]

[parameters]
stf_count = {STFS}
num_tf_per_slice = 10
stf_interval = 0.15
stf_generation_time = 0.0
no_beam_not_ready_delay = 0.0
broadcast_delay = 0.0
beam_not_ready_delay = 0.0
beam_ready_delay = 0.0
beam_not_ready_end_delay = 0.0
"""


class DemoFailed(ProdOpsError):
    """Something of the demonstration did not come through."""


@dataclass
class _Viewer:
    """What a client of the stream saw, and how long after its STF was announced."""

    announced: dict[str, datetime] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    sampled: set[str] = field(default_factory=set)
    tfs: int = 0
    events: int = 0
    is_done: threading.Event = field(default_factory=threading.Event)

    def see(self, event: monitor_api.StreamEvent) -> None:
        moment = datetime.now(UTC)
        self.events += event.id is not None
        if event.event == "stf_ready":
            said = datetime.fromisoformat(str(event.data["timestamp"]))
            self.announced[str(event.data["filename"])] = said
        elif event.event == "tf_file_registered":
            self.tfs += 1
            name = str(event.data["stf_filename"])
            self.sampled.add(name)
            if name in self.announced:
                seconds = (moment - self.announced[name]).total_seconds()
                self.delays.setdefault(name, seconds)
        if self.tfs >= STFS * TFS_PER_STF:
            self.is_done.set()


@contextmanager
def agents_of(stack: Stack) -> Iterator[UserTestbed]:
    """A testbed in the stack's state directory, whose agents end with it."""
    own = {"state_dir": stack.state_dir / "testbed", "user": "demo"}
    testbed = stack.settings.testbed.model_copy(update=own)
    settings, given = stack.settings.model_copy(update={"testbed": testbed}), dict[str, str]()
    if settings.sandbox.broker:
        given = broker_environment(settings, AGENT_USER)
        bus = {
            "host": HOST,
            "port": settings.sandbox.broker_port,
            "login_file": login_file(settings, AGENT_USER),
        }
        settings = settings.model_copy(update={"bus": settings.bus.model_copy(update=bus)})
    made = UserTestbed(settings, given=given)
    try:
        yield made
    finally:
        made.shut_down()


def show(stack: Stack, testbed: UserTestbed, token: str, console: Console) -> None:
    """Start the agents, run the workflow, watch its TFs come back, and show what came of it.

    Raises:
        DemoFailed: The run did not come through whole.
        AgentsNotReady: An agent did not start.
    """
    console.print(f"agents: data, processing, fast_processing; {_way(stack)}", markup=False)
    viewer = _Viewer()
    with monitor_api.MonitorApi(stack.api_url, token) as api, listening(api, viewer.see):
        report = _run(testbed, Monitor(url=stack.api_url, token=token), console, stack.state_dir)
        viewer.is_done.wait(_ARRIVAL_SECONDS)
    console.print(_table(viewer, report))
    _check(viewer, report)


def _way(stack: Stack) -> str:
    if stack.settings.sandbox.broker:
        return "their messages go by the message bus"
    return "their messages go over REST, since ActiveMQ is not installed"


def _run(testbed: UserTestbed, monitor: Monitor, console: Console, directory: Path) -> Report:
    path = directory / "testbed.toml"
    path.write_text(_TESTBED, encoding="utf-8")
    plan = testbed.plan(path)
    columns = (TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        taken = progress.add_task("STFs taken", total=STFS)
        seen = progress.add_task("TFs registered", total=STFS * TFS_PER_STF)

        def heard(_event: monitor_api.StreamEvent, so_far: Heard) -> None:
            progress.update(taken, completed=so_far.counts["stf_gen"])
            progress.update(seen, completed=so_far.counts["tf_file_registered"])

        runner = Runner(testbed, monitor, lambda line: console.print(line, markup=False), heard)
        form = form_of(plan.configuration, Options.none())
        return runner.run(plan, form, ready_seconds=_READY_SECONDS)


def _table(viewer: _Viewer, report: Report) -> Table:
    heard, delays = report.progress.counts, sorted(viewer.delays.values())
    table = Table("what", "how many", title="A simulated data-taking run", min_width=44)
    table.add_row("STFs taken", str(heard["stf_gen"]))
    table.add_row("STFs announced", str(len(viewer.announced)))
    table.add_row("STFs processed", str(heard["processing_complete"]))
    table.add_row("STFs sampled", str(len(viewer.sampled)))
    table.add_row("TFs registered", str(viewer.tfs))
    table.add_row("slices", str(heard["slice"]))
    table.add_row("events pushed", str(viewer.events))
    if delays:
        table.add_row("stf_ready to client, median", f"{statistics.median(delays) * 1000:.0f} ms")
        table.add_row("stf_ready to client, worst", f"{delays[-1] * 1000:.0f} ms")
    return table


def _check(viewer: _Viewer, report: Report) -> None:
    heard = report.progress.counts
    expected = (STFS, STFS, STFS, STFS * TFS_PER_STF)
    seen = (
        heard["stf_gen"], len(viewer.announced), heard["processing_complete"], viewer.tfs,
    )  # fmt: skip
    if seen != expected or report.exit_code:
        raise DemoFailed(
            f"STFs, announced, processed, TFs: {seen} came through, of {expected}; the workflow"
            f" is {report.status}"
        )
