"""`prodops bench`: what prodops must reach, measured on a stack of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deployments.bench.figures import Report

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
    _show(_latency(runs), as_json=as_json)


@app.command()
def sampling(*, as_json: AsJson = False, seconds: Seconds = None) -> None:
    """STFs a second, and from a message to a client of the stream."""
    _show(_sampling(seconds), as_json=as_json)


@app.command()
def stream(*, as_json: AsJson = False, seconds: Seconds = None) -> None:
    """A thousand clients of the stream, and reconnect storms."""
    _show(_stream(seconds), as_json=as_json)


@app.command()
def idle(*, as_json: AsJson = False, seconds: Seconds = None) -> None:
    """What the whole stack uses when it has nothing to do."""
    _show(_idle(seconds), as_json=as_json)


@app.command()
def submit(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Submissions that are measured.")] = None,
) -> None:
    """From the button to the recorded id, beside bare prun; and twenty submissions at once."""
    _show(_submit(runs), as_json=as_json)


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
    _show(_sweep(listing or [], requests), as_json=as_json)


@app.command()
def fetch(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Large logs that are measured.")] = None,
) -> None:
    """Payload logs from click to text, beside bare xrdcp and tar; twenty at once.

    Where xrdcp is not installed it says so, with exit 2.
    """
    _show(_fetch(runs), as_json=as_json)


@app.command()
def stall(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Times that each case is tried.")] = None,
) -> None:
    """Storage doors that stand still: when the page says so, and what is left over."""
    _show(_stall(runs), as_json=as_json)


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
    from deployments.bench.chaos import bench  # noqa: PLC0415 - slow to import

    report = bench.run(only or range(seed, seed + runs))
    _show(report, as_json=as_json)
    if not report.is_met:
        raise typer.Exit(1)


@app.command("all")
def everything(*, as_json: AsJson = False) -> None:
    """Every bench but chaos, one after the other; with --json, a line for each at the end."""
    benches: list[Callable[[float | None], Report]] = [_idle, _stream, _sampling]
    reports = [_shown(_latency(None)), *[_shown(bench(None)) for bench in benches]]
    reports += [_shown(_submit(None)), _shown(_sweep([], None))]
    reports += [_shown(_fetch(None)), _shown(_stall(None))]
    if as_json:
        for report in reports:
            typer.echo(report.as_json())


def _latency(runs: int | None) -> Report:
    from deployments.bench import latency as bench  # noqa: PLC0415 - slow to import

    return bench.run(runs=runs or bench.RUNS, stock_runs=min(runs or bench.RUNS, bench.STOCK_RUNS))


def _sampling(seconds: float | None) -> Report:
    from deployments.bench import sampling as bench  # noqa: PLC0415

    return bench.run(seconds=seconds or bench.SECONDS)


def _stream(seconds: float | None) -> Report:
    from deployments.bench import stream as bench  # noqa: PLC0415

    return bench.run(seconds=seconds or bench.SECONDS)


def _idle(seconds: float | None) -> Report:
    from deployments.bench import idle as bench  # noqa: PLC0415

    return bench.run(seconds=seconds or bench.SECONDS)


def _submit(runs: int | None) -> Report:
    from deployments.bench import submit as bench  # noqa: PLC0415

    return bench.run(runs=runs or bench.RUNS)


def _sweep(listings: Sequence[Path], requests: Path | None) -> Report:
    from deployments.bench.provenance import sweep as bench  # noqa: PLC0415

    return bench.run(listings=listings, requests_csv=requests)


def _fetch(runs: int | None) -> Report:
    from deployments.bench import fetch as bench  # noqa: PLC0415

    return bench.run(runs=runs or bench.RUNS)


def _stall(runs: int | None) -> Report:
    from deployments.bench import stall as bench  # noqa: PLC0415

    return bench.run(runs=runs or bench.RUNS)


def _show(report: Report, *, as_json: bool) -> None:
    _shown(report)
    if as_json:
        typer.echo(report.as_json())


def _shown(report: Report) -> Report:
    typer.echo(report.as_text())
    return report
