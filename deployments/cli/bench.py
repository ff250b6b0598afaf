"""`prodops bench`: what prodops must reach, measured on a stack of its own."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from deployments.bench.common.figures import Report

app = typer.Typer(
    no_args_is_help=True,
    help="Measure what prodops must reach, on a stack of its own that is gone afterwards.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, as the last line.")]
Seconds = Annotated[
    float | None, typer.Option(min=1, help="Length of the main measurement; default: its own.")
]


@app.command()
def latency(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Runs that are measured.")] = None,
) -> None:
    """From an accepted trigger to the flow's first line, beside Prefect's stock worker."""
    _show("latency", as_json=as_json, runs=runs)


@app.command()
def sampling(*, as_json: AsJson = False, seconds: Seconds = None) -> None:
    """STFs a second, and from a message to a client of the stream."""
    _show("sampling", as_json=as_json, seconds=seconds)


@app.command()
def stream(*, as_json: AsJson = False, seconds: Seconds = None) -> None:
    """A thousand clients of the stream, and reconnect storms."""
    _show("stream", as_json=as_json, seconds=seconds)


@app.command()
def idle(*, as_json: AsJson = False, seconds: Seconds = None) -> None:
    """What the whole stack uses when it has nothing to do."""
    _show("idle", as_json=as_json, seconds=seconds)


@app.command()
def submit(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Submissions that are measured.")] = None,
) -> None:
    """From the button to the recorded id, beside bare prun; and twenty submissions at once."""
    _show("submit", as_json=as_json, runs=runs)


@app.command()
def sweep(
    *,
    as_json: AsJson = False,
    listing: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Compare this campaign too; repeatable."),
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Requests (CSV) of the listed campaigns."),
    ] = None,
) -> None:
    """A campaign of 1e5 files against 405 requests, beside one `rucio did list` for each."""
    _show("sweep", as_json=as_json, listings=listing, requests_csv=requests)


@app.command()
def fetch(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Large logs that are measured.")] = None,
) -> None:
    """Payload logs from click to text, beside bare xrdcp and tar; twenty at once.

    Where xrdcp is not installed it says so, with exit 2.
    """
    _show("fetch", as_json=as_json, runs=runs)


@app.command()
def stall(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Times that each case is tried.")] = None,
) -> None:
    """Storage doors that stand still: when the page says so, and what is left over."""
    _show("stall", as_json=as_json, runs=runs)


@app.command()
def chaos(
    *,
    as_json: AsJson = False,
    runs: Annotated[int, typer.Option(min=1, help="Schedules that are played.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first; the others follow.")] = 1,
    only: Annotated[
        list[int] | None, typer.Option(min=0, help="Play this seed alone; may be given again.")
    ] = None,
) -> None:
    """Kills, PanDA's faults and double clicks at random: nothing lost or doubled (exit 1: it was).

    200 schedules take about 20 minutes. `bench all` leaves it out.
    """
    seeds = only or range(seed, seed + runs)
    if not _show("chaos", as_json=as_json, seeds=seeds).is_met:
        raise typer.Exit(1)


@app.command("all")
def everything(*, as_json: AsJson = False) -> None:
    """Every bench but chaos, one after the other; with --json, a line for each at the end."""
    reports = [_measure(name) for name in _MODULES if name != "chaos"]
    if as_json:
        for report in reports:
            typer.echo(report.as_json())


_MODULES: Final = {
    "latency": "requests.latency",
    "idle": "stack.idle",
    "stream": "fastmon.stream",
    "sampling": "fastmon.sampling",
    "submit": "submission.submit",
    "sweep": "provenance.sweep",
    "fetch": "payload_logs.fetch",
    "stall": "payload_logs.stall",
    "chaos": "submission.chaos.bench",
}
"""The module of each bench below `deployments.bench`, in the order of `bench all`."""


def _show(name: str, *, as_json: bool, **options: Any) -> Report:
    report = _measure(name, **options)
    if as_json:
        typer.echo(report.as_json())
    return report


def _measure(name: str, **options: Any) -> Report:
    """Run a bench with those of its options that are given."""
    # Benches are slow to import.
    module = importlib.import_module(f"deployments.bench.{_MODULES[name]}")
    given = {option: value for option, value in options.items() if value is not None}
    report: Report = module.run(**given)
    typer.echo(report.as_text())
    return report
