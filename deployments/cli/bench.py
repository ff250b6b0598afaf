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
    help="Measure the performance of prodops, on a temporary stack.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, as the last line.")]
Seconds = Annotated[
    float | None, typer.Option(min=1, help="Length of the main measurement; default: per bench.")
]


@app.command()
def latency(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Runs that are measured.")] = None,
) -> None:
    """Measure from an accepted trigger to the flow's first line, beside Prefect's own worker."""
    _show("latency", as_json=as_json, runs=runs)


@app.command()
def burst(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Triggers of a burst.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Bursts of each version.")] = None,
) -> None:
    """Trigger many runs at once, alternating with an earlier version on a stack of its own."""
    _show("burst", as_json=as_json, runs=runs, rounds=rounds)


@app.command()
def sampling(
    *,
    as_json: AsJson = False,
    seconds: Seconds = None,
    batch: Annotated[
        bool, typer.Option(help="Instead, compare many messages in a call with one.")
    ] = False,
) -> None:
    """Measure STFs per second, and the time from a message to a client of the stream."""
    _show("sampling", as_json=as_json, seconds=seconds, batch=batch)


@app.command()
def stream(*, as_json: AsJson = False, seconds: Seconds = None) -> None:
    """Serve a thousand clients of the stream, and reconnect storms."""
    _show("stream", as_json=as_json, seconds=seconds)


@app.command()
def idle(*, as_json: AsJson = False, seconds: Seconds = None) -> None:
    """Measure what the whole stack uses when idle."""
    _show("idle", as_json=as_json, seconds=seconds)


@app.command()
def agents(
    *,
    as_json: AsJson = False,
    seconds: Seconds = None,
    number: Annotated[
        int | None, typer.Option("--agents", min=1, help="Agents that call at once.")
    ] = None,
) -> None:
    """Serve the calls of many original agents, one after the other of each, for their STFs."""
    _show("agents", as_json=as_json, seconds=seconds, agents=number)


@app.command()
def submit(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Submissions that are measured.")] = None,
) -> None:
    """Submit tasks: from the button to the recorded id, beside bare prun; and twenty at once."""
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
    """Sweep 1e5 files for 405 requests, compared with one `rucio did list` for each request."""
    _show("sweep", as_json=as_json, listings=listing, requests_csv=requests)


@app.command()
def fetch(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Large logs that are measured.")] = None,
) -> None:
    """Fetch payload logs: from click to text, compared with bare xrdcp and tar; and twenty at once.

    Exits with 2 if xrdcp is not installed.
    """
    _show("fetch", as_json=as_json, runs=runs)


@app.command()
def stall(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Times that each case is tried.")] = None,
) -> None:
    """Fetch from stalled XRootD doors: when the page reports it, and what is left behind."""
    _show("stall", as_json=as_json, runs=runs)


@app.command()
def chaos(
    *,
    as_json: AsJson = False,
    runs: Annotated[int, typer.Option(min=1, help="Number of schedules.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first; the next count up.")] = 1,
    only: Annotated[
        list[int] | None, typer.Option(min=0, help="Run only this seed; repeatable.")
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(help="Have Prefect's own process worker run the submissions, in this pool."),
    ] = None,
) -> None:
    """Submit under random kills, PanDA faults and double clicks; exit 1: lost or doubled tasks.

    200 schedules take about 20 minutes; with --pool, 50 take as long. `bench all` leaves it out.
    """
    seeds = only or range(seed, seed + runs)
    if not _show("chaos", as_json=as_json, seeds=seeds, pool=pool).is_met:
        raise typer.Exit(1)


@app.command()
def abuse(
    *,
    as_json: AsJson = False,
    inputs: Annotated[int, typer.Option(min=50, help="Number of bad inputs.")] = 4000,
    seed: Annotated[int, typer.Option(min=0, help="Seed that all of them are drawn from.")] = 1,
) -> None:
    """Send bad requests, messages, files and rows, as every caller; exit 1: something gave way.

    4,000 inputs take about 10 minutes. `bench all` leaves it out. Exits with 2 if schemathesis is
    not installed.
    """
    if not _show("abuse", as_json=as_json, inputs=inputs, seed=seed).is_met:
        raise typer.Exit(1)


@app.command()
def outage(
    *,
    as_json: AsJson = False,
    runs: Annotated[int, typer.Option(min=1, help="Number of schedules.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first; the next count up.")] = 1,
    only: Annotated[
        list[int] | None, typer.Option(min=0, help="Run only this seed; repeatable.")
    ] = None,
) -> None:
    """Lose the database, Prefect or the broker, or what they know; exit 1: a figure is not met.

    50 schedules take about 20 minutes. `bench all` leaves it out.
    """
    seeds = only or range(seed, seed + runs)
    if not _show("outage", as_json=as_json, seeds=seeds).is_met:
        raise typer.Exit(1)


@app.command()
def hosts(
    *,
    as_json: AsJson = False,
    runs: Annotated[int, typer.Option(min=1, help="Number of schedules.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first; the next count up.")] = 1,
    only: Annotated[
        list[int] | None, typer.Option(min=0, help="Run only this seed; repeatable.")
    ] = None,
) -> None:
    """Kill and cut off one of two hosts that share all work; exit 1: a figure is not met.

    50 schedules take about an hour. `bench all` leaves it out. Exits with 2 where two hosts cannot
    be made: it needs root, iproute2, nftables, nginx and redis-server.
    """
    seeds = only or range(seed, seed + runs)
    if not _show("hosts", as_json=as_json, seeds=seeds).is_met:
        raise typer.Exit(1)


@app.command()
def soak(
    *,
    as_json: AsJson = False,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Length of the load.")] = None,
    clients: Annotated[int | None, typer.Option(min=1, help="Clients of the live stream.")] = None,
    number: Annotated[
        int | None, typer.Option("--agents", min=1, help="Agents that call all the time.")
    ] = None,
) -> None:
    """Ask for everything at once for half an hour; exit 1: a figure is not met.

    `bench all` leaves it out.
    """
    options = {"minutes": minutes, "clients": clients, "agents": number}
    if not _show("soak", as_json=as_json, **options).is_met:
        raise typer.Exit(1)


@app.command()
def bus(*, as_json: AsJson = False) -> None:
    """Take messages from the bus and publish to it, also while bridge and broker are killed.

    Exits with 2 if ActiveMQ is not installed.
    """
    _show("bus", as_json=as_json)


@app.command()
def notify(*, as_json: AsJson = False) -> None:
    """Tell a channel that is away for half a minute of a thousand events in a minute."""
    _show("notify", as_json=as_json)


@app.command()
def mcp(
    *,
    as_json: AsJson = False,
    runs: Annotated[int | None, typer.Option(min=1, help="Calls of each tool.")] = None,
) -> None:
    """Submit by a tool for assistants; call those that read, with 1e5 rows of each kind."""
    _show("mcp", as_json=as_json, calls=runs)


@app.command()
def year(
    *,
    as_json: AsJson = False,
    scale: Annotated[
        float | None, typer.Option(min=0.0001, max=2, help="Share of the rows of the defaults.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=2, help="Calls of each page and list.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Leave the databases in this directory, and use those that are there already.",
        ),
    ] = None,
) -> None:
    """Open pages and take in, with the rows that the defaults keep, and with a page of each list.

    It takes half an hour and 20 GB of disk; with what was kept, a few minutes. `bench all` leaves
    it out.
    """
    where = None if keep is None else keep.resolve()
    _show("year", as_json=as_json, scale=scale, rounds=rounds, keep=where)


@app.command("all")
def everything(*, as_json: AsJson = False) -> None:
    """Run every bench that is short, one by one; with --json, a line for each at the end.

    Chaos, abuse, outage, hosts, soak and year are left out.
    """
    reports = [_show(name, as_json=False) for name in _MODULES if name not in _BY_NAME_ONLY]
    if as_json:
        for report in reports:
            typer.echo(report.as_json())


_MODULES: Final = {
    "latency": "requests.latency",
    "burst": "requests.burst",
    "idle": "stack.idle",
    "stream": "fastmon.stream",
    "sampling": "fastmon.sampling",
    "agents": "agents.bench",
    "submit": "submission.submit",
    "sweep": "provenance.sweep",
    "fetch": "payload_logs.fetch",
    "stall": "payload_logs.stall",
    "bus": "messages.bus",
    "notify": "notifications.bench",
    "mcp": "mcp.bench",
    "chaos": "submission.chaos.bench",
    "abuse": "abuse.bench",
    "outage": "outage.bench",
    "hosts": "hosts.bench",
    "soak": "soak.bench",
    "year": "growth.year",
}
"""The module of each bench below `deployments.bench`, in the order of `bench all`."""
_BY_NAME_ONLY: Final = frozenset({"chaos", "abuse", "outage", "hosts", "soak", "year"})
"""Those that take too long for `bench all`."""


def _show(name: str, *, as_json: bool, **options: Any) -> Report:
    """Run a bench with those of its options that are given, and print its report."""
    # Benches are slow to import.
    module = importlib.import_module(f"deployments.bench.{_MODULES[name]}")
    given = {option: value for option, value in options.items() if value is not None}
    report: Report = module.run(**given)
    typer.echo(report.as_text())
    if as_json:
        typer.echo(report.as_json())
    return report
