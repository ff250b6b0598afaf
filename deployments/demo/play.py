"""`prodops demo`: a whole stack of its own: a data-taking run, a task, its log, a campaign."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from sqlalchemy import make_url

from blocks import monitor_api
from blocks.errors import ProdOpsError
from deployments.cli.fastmon import run_player
from deployments.demo import payload_logs, provenance, submission
from deployments.demo.stream import listening
from deployments.stack.running import StartProgress, addresses
from deployments.stack.stack import Stack
from flows.common import access, callers
from flows.common.database import make_engine, transaction
from flows.workflows.domain.simulation import RunPlan

STFS: Final = 20
_RATE_HZ: Final = 4.0
_TFS_PER_STF: Final = 7
_ARRIVAL_SECONDS: Final = 30.0
_SETTINGS: Final = {
    "PRODOPS_FASTMON_SELECTION_FRACTION": "1.0",
    "PRODOPS_FASTMON_TF_FILES_PER_STF": str(_TFS_PER_STF),
    "PRODOPS_SANDBOX_PANDA": "true",
    "PRODOPS_SANDBOX_GRID": "true",
}


class DemoFailed(ProdOpsError):
    """Something of the demonstration did not come through."""


@dataclass
class _Viewer:
    """What a client of the stream saw, and when."""

    announced: set[str] = field(default_factory=set)
    first_tf: dict[str, float] = field(default_factory=dict)
    tfs: int = 0
    events: int = 0
    is_done: threading.Event = field(default_factory=threading.Event)

    def see(self, event: monitor_api.StreamEvent) -> None:
        moment = time.monotonic()
        self.events += event.id is not None
        if event.event == "stf_ready":
            self.announced.add(str(event.data["filename"]))
        elif event.event == "tf_file_registered":
            self.tfs += 1
            self.first_tf.setdefault(str(event.data["stf_filename"]), moment)
        if self.tfs >= STFS * _TFS_PER_STF:
            self.is_done.set()


def run() -> int:
    """Run the demonstration; gives the exit code. At a terminal it stays until Ctrl+C.

    Raises:
        DemoFailed: The run did not come through whole.
        ProdOpsError: Another part of it did not.
    """
    console = Console()
    began = time.monotonic()
    progress = StartProgress(console)
    with Stack.temporary(_SETTINGS, listener=progress) as stack:
        progress.close()
        token = _token(stack)
        viewer = _Viewer()
        sent = _play(stack, token, viewer, console)
        console.print(_table(viewer, sent))
        _check(viewer)
        jedi_task_id = submission.show(stack, token, console)
        pages = {
            "job's log": payload_logs.show(stack, token, console, jedi_task_id=jedi_task_id),
            "catalog": provenance.show(stack, token, console),
        }
        console.print(f"all of it in {time.monotonic() - began:.1f} s")
        for name, address in (addresses(stack) | pages).items():
            console.print(f"{name:>10}  {address}", markup=False)
        if sys.stdout.isatty():
            _stay(console)
    return 0


def _token(stack: Stack) -> str:
    given = stack.environment("ops")
    engine = make_engine(
        make_url(given["PRODOPS_DATABASE_URL"]), passfile=Path(given["PRODOPS_DATABASE_PASSFILE"])
    )
    try:
        with transaction(engine) as session:
            return access.create_token(
                session, "demo", "made for the demonstration", scopes=callers.ALL
            )
    finally:
        engine.dispose()


def _play(stack: Stack, token: str, viewer: _Viewer, console: Console) -> dict[str, float]:
    """Send a run of STFs and watch its TFs come back; gives when each `stf_ready` was sent."""
    plan = RunPlan(run_number=100_010, stfs=STFS, rate_hz=_RATE_HZ, namespace="demo")
    sent: dict[str, float] = {}
    with (
        monitor_api.MonitorApi(stack.api_url, token) as api,
        listening(api, viewer.see),
        Progress(
            TextColumn("{task.description:>20}"), BarColumn(), MofNCompleteColumn(), console=console
        ) as progress,
    ):
        taken = progress.add_task("STFs taken", total=STFS)
        seen = progress.add_task("TFs seen by a client", total=STFS * _TFS_PER_STF)

        def show() -> None:
            progress.update(taken, completed=len(viewer.announced))
            progress.update(seen, completed=viewer.tfs)

        def note(message: dict[str, object]) -> None:
            if message["msg_type"] == "stf_ready":
                sent[str(message["filename"])] = time.monotonic()
            show()

        run_player.play(api, plan, shown=note)
        deadline = time.monotonic() + _ARRIVAL_SECONDS
        while not viewer.is_done.wait(0.1) and time.monotonic() < deadline:
            show()
        show()
    return sent


def _table(viewer: _Viewer, sent: dict[str, float]) -> Table:
    delays = sorted(
        viewer.first_tf[name] - moment for name, moment in sent.items() if name in viewer.first_tf
    )
    table = Table("what", "how many", title="A simulated data-taking run", min_width=44)
    table.add_row("STFs taken", str(len(viewer.announced)))
    table.add_row("STFs sampled", str(len(viewer.first_tf)))
    table.add_row("TFs registered", str(viewer.tfs))
    table.add_row("events pushed", str(viewer.events))
    if delays:
        table.add_row("stf_ready to client, median", f"{statistics.median(delays) * 1000:.0f} ms")
        table.add_row("stf_ready to client, worst", f"{delays[-1] * 1000:.0f} ms")
    return table


def _check(viewer: _Viewer) -> None:
    expected = (STFS, STFS, STFS * _TFS_PER_STF)
    seen = (len(viewer.announced), len(viewer.first_tf), viewer.tfs)
    if seen != expected:
        raise DemoFailed(f"STFs, sampled, TFs: {seen} came through, of {expected}")


def _stay(console: Console) -> None:
    console.print("Ctrl+C ends it all.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("ending")
