"""`prodops daq`: plays a simulated data-taking run into a monitor, as DAQ and data agent would."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer

from deployments.cli.fastmon import run_player
from deployments.cli.monitor_access import INTERRUPTED, Token, Url, connected_monitor
from flows.workflows.domain import simulation

daq_app = typer.Typer(no_args_is_help=True, help="Simulate the data acquisition.")


@daq_app.callback()
def _simulations() -> None:
    """Keep `simulate` a command of its own while it is the only one."""


@daq_app.command("simulate")
def simulate(
    *,
    stfs: Annotated[int, typer.Option(min=1, help="STFs of the run.")] = 20,
    rate: Annotated[float, typer.Option(help="STFs a second.")] = 1.0,
    namespace: Annotated[str, typer.Option(help="Namespace of the messages.")] = "simulation",
    run: Annotated[
        int | None, typer.Option(min=0, help="Run number; default: the monitor's next one.")
    ] = None,
    physics_periods: Annotated[
        int, typer.Option(min=1, help="Physics periods, with a standby between two.")
    ] = 1,
    realtime: Annotated[
        bool, typer.Option(help="At the rate, or as fast as the monitor answers.")
    ] = True,
    size_bytes: Annotated[int, typer.Option(min=0, help="Size of an STF.")] = 2 * 1024**3,
    no_size: Annotated[
        bool, typer.Option("--no-size", help="Send null sizes, as the original agents do.")
    ] = False,
    tf_count: Annotated[int, typer.Option(min=0, help="TFs in an STF.")] = 1000,
    no_tf_count: Annotated[
        bool, typer.Option("--no-tf-count", help="Send no tf_count, as the original agents do.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the data agent's delays.")] = 0,
    url: Url = None,
    token: Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Summary as one JSON object.")] = False,
) -> None:
    """Send the messages of one run: its start, its STFs with their stf_ready, and its end.

    Ends with 1 where the monitor refuses a message or is gone, with 3 where it refuses the token.
    Ctrl+C ends the run in order, with its end_run.
    """
    with connected_monitor(url, token) as api:
        plan = simulation.RunPlan(
            run_number=api.next_run_number() if run is None else run,
            stfs=stfs,
            rate_hz=rate,
            namespace=namespace,
            physics_periods=physics_periods,
            size_bytes=None if no_size else size_bytes,
            tf_count=None if no_tf_count else tf_count,
            user=os.environ.get("USER") or "prodops",
            seed=seed,
        )
        with _progress(plan) as shown:
            report = run_player.play(api, plan, is_realtime=realtime, shown=shown)
        typer.echo(json.dumps(asdict(report)) if as_json else _summary(report))
    if report.is_broken_off:
        raise typer.Exit(INTERRUPTED)


@contextmanager
def _progress(plan: simulation.RunPlan) -> Iterator[Callable[[simulation.Message], None]]:
    """A progress bar at a terminal, else a line for each change of state and each tenth."""
    if not sys.stderr.isatty():
        yield _lines(plan)
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only for terminals
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    # Rich's own percentage is rounded: 1012 of 1013 would be 100 %.
    words = TextColumn("{task.description}")
    columns = (words, BarColumn(), TimeRemainingColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"run {plan.run_id}", total=plan.stfs)

        def shown(message: simulation.Message) -> None:
            if message["msg_type"] in simulation.LIFECYCLE:  # the last stf_ready come after the end
                state = message.get("substate", "ended")
                bar.update(task, description=f"run {plan.run_id} {state}")
            bar.advance(task, message["msg_type"] == "stf_ready")

        yield shown


def _lines(plan: simulation.RunPlan) -> Callable[[simulation.Message], None]:
    step = max(1, plan.stfs // 10)

    def shown(message: simulation.Message) -> None:
        kind, sequence = message["msg_type"], message.get("sequence", 0)
        if kind in simulation.LIFECYCLE:
            typer.echo(f"run {plan.run_id}: {kind}", err=True)
        elif kind == "stf_ready" and (sequence % step == 0 or sequence == plan.stfs):
            typer.echo(f"run {plan.run_id}: {sequence} of {plan.stfs} STFs ready", err=True)

    return shown


def _summary(report: run_player.RunReport) -> str:
    how = "broken off" if report.is_broken_off else "done"
    return (
        f"Run {report.run_number} ({report.namespace}) {how}: {report.stfs} STFs,"
        f" {report.messages} messages in {report.seconds:.1f} s ({report.stf_per_s:.1f} STF/s);"
        f" answers: median {report.answer_median_s * 1000:.0f} ms,"
        f" longest {report.answer_max_s * 1000:.0f} ms; at most {report.behind_max_s:.1f} s behind"
    )
