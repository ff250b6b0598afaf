"""`prodops sandbox`: doubles of the outside for a person: PanDA, Rucio, doors, proxy, broker."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.stack.errors import AlreadyUp, StackDown
from flows.common.settings import BadSetting, Settings, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployments.sandbox.grid.seed import Seeded
    from deployments.stack.stack import Stack

sandbox_app = typer.Typer(
    help="Stand-ins for external services: PanDA, a real Rucio, XRootD doors, the external proxy, "
    "a message broker.",
    no_args_is_help=True,
)


@sandbox_app.command()
def up(
    *,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when everything is ready.")
    ] = False,
    ready_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start the sandbox without the stack and keep it alive until Ctrl+C."""
    from deployments.stack import environment, running  # noqa: PLC0415
    from deployments.stack.parts import SANDBOX  # noqa: PLC0415

    if detach:
        running.run_detached(settings(), "sandbox", "up")
        return
    given = environment.given_settings()
    wanted = {"PRODOPS_SANDBOX_PANDA": "true", "PRODOPS_SANDBOX_GRID": "true"}
    running.run(
        _with_sandbox(settings()),
        ready_fd=ready_fd,
        given=given | wanted,
        parts=SANDBOX,
        lines_when_ready=_introduction,
    )


@sandbox_app.command()
def down() -> None:
    """End the sandbox; no process of it is left."""
    from deployments.stack.parts import SANDBOX  # noqa: PLC0415
    from deployments.stack.running import end  # noqa: PLC0415

    others = [name for name in _running() if name not in SANDBOX]
    if others:
        raise AlreadyUp(f"the whole stack runs ({', '.join(others)}): `prodops down` ends it")
    end(settings())


@sandbox_app.command()
def status() -> None:
    """Show the sandbox's parts and addresses; exit 0 when all run, 1 when not, 3 when down."""
    from deployments.cli.stack import print_parts  # noqa: PLC0415
    from deployments.stack.overview import Health, Overview, overview  # noqa: PLC0415
    from deployments.stack.parts import SANDBOX  # noqa: PLC0415

    seen = overview(settings())
    rows = tuple(row for row in seen.rows if row.part in SANDBOX)
    if seen.health is Health.DOWN or not any(row.part == "rucio" for row in rows):
        sys.stdout.write(f"the sandbox is down (state in {settings().stack.state_dir})\n")
        raise typer.Exit(3)
    print_parts(Overview(seen.health, rows))
    for line in _addresses(_with_sandbox(settings())):
        sys.stdout.write(f"{line}\n")
    raise typer.Exit(0 if all(row.state == "running" for row in rows) else 1)


@sandbox_app.command()
def seed(
    *,
    campaign: Annotated[
        Path,
        typer.Option(help="A listing of what a campaign produced.", exists=True, dir_okay=False),
    ],
    files_scale: Annotated[
        float | None,
        typer.Option(help="Fraction of each dataset's files to create.", min=0.0, max=1.0),
    ] = None,
    max_files: Annotated[
        int | None, typer.Option(help="Approximate number of files in all.", min=1)
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace datasets that exist already.")
    ] = False,
) -> None:
    """Load a campaign's listing into the sandbox's Rucio; loading it again changes nothing."""
    from deployments.sandbox.grid.grid import Grid  # noqa: PLC0415
    from deployments.sandbox.grid.listing import read_listing  # noqa: PLC0415
    from deployments.sandbox.grid.seed import seed as load  # noqa: PLC0415

    if files_scale is not None and max_files is not None:
        raise BadSetting("give --files-scale or --max-files, not both")
    if "rucio" not in _running():
        raise StackDown("the stack runs without the sandbox's grid: set PRODOPS_SANDBOX_GRID=true")
    listing = read_listing(campaign.read_text())
    with _bar() as progress:
        done = load(
            Grid(_with_sandbox(settings())),
            listing.datasets,
            files_scale=files_scale,
            max_files=max_files,
            is_replacing=replace,
            progress=progress,
        )
    sys.stdout.write(_said(done, len(listing.skipped)))


def _with_sandbox(configured: Settings) -> Settings:
    """The settings with the whole sandbox that this machine has the programs for."""
    from deployments.sandbox.broker.programs import find_programs  # noqa: PLC0415

    has_broker = configured.sandbox.broker or find_programs() is not None
    wanted = {"panda": True, "grid": True, "broker": has_broker}
    sandbox = configured.sandbox.model_copy(update=wanted)
    return configured.model_copy(update={"sandbox": sandbox})


def _running() -> list[str]:
    """The parts that the running stack has."""
    from deployments.stack.control import Control  # noqa: PLC0415
    from deployments.stack.layout import Layout  # noqa: PLC0415

    return [state.name for state in Control(Layout(settings().stack.state_dir)).states()]


def _introduction(stack: Stack) -> list[str]:
    from deployments.sandbox.broker.access import broker_environment  # noqa: PLC0415
    from deployments.sandbox.grid.access import grid_environment  # noqa: PLC0415
    from deployments.stack.environment import sandbox_environment  # noqa: PLC0415

    lines = _addresses(stack.settings)
    lines.append("a stack with another PRODOPS_STATE_DIR and other ports uses it by:")
    used = sandbox_environment(stack.settings) | grid_environment(stack.settings)
    used |= broker_environment(stack.settings) if stack.settings.sandbox.broker else {}
    return [*lines, *(f"  export {name}='{value}'" for name, value in used.items())]


def _addresses(configured: Settings) -> list[str]:
    """A line for each address and each credential, and one for what is missing."""
    from deployments.sandbox.grid import access, programs  # noqa: PLC0415
    from deployments.sandbox.grid.gateway import address  # noqa: PLC0415
    from deployments.stack.environment import api_url, sandbox_panda_url  # noqa: PLC0415

    certificates = access.certificates_of(configured)
    found = {
        "PanDA": sandbox_panda_url(configured),
        "Rucio": access.rucio_url(configured),
        "CA": certificates / "ca",
        "proxy": certificates / "proxy-panda.pem",
        "passwords": access.rucio_home(configured) / "*.password",
    }
    lines = [f"  {name:<10} {place}" for name, place in found.items()]
    if not programs.has_doors(configured):
        lines.append(f"  {'doors':<10} {programs.DOORS_ARE_FILES}")
    else:
        lines += [f"  {name:<10} {url}" for name, url in access.door_urls(configured).items()]
    if programs.nginx_program() is not None:
        url = address(api_url(configured), configured.sandbox.gateway_port)
        lines.append(f"  {'gateway':<10} {url}/")
    return lines + _broker_addresses(configured)


def _broker_addresses(configured: Settings) -> list[str]:
    from deployments.sandbox.broker import access, programs  # noqa: PLC0415

    if not configured.sandbox.broker:
        return [f"  {'broker':<10} ActiveMQ is not installed: {programs.INSTALL}"]
    plain, tls = configured.sandbox.broker_port, configured.sandbox.broker_tls_port
    found = {
        "broker": f"{access.HOST}:{plain} (STOMP), {access.HOST}:{tls} (STOMP with TLS)",
        "logins": access.login_file(configured, "*"),
    }
    return [f"  {name:<10} {place}" for name, place in found.items()]


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("files registered", total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def _said(done: Seeded, skipped: int) -> str:
    from deployments.sandbox.grid.programs import DOORS_ARE_FILES, has_doors  # noqa: PLC0415

    said = (
        f"{done.datasets} datasets with {done.files} files and {done.replicas} replicas made in "
        f"{done.seconds:.1f} s, {done.kept} datasets were there; "
        f"{skipped} headings that name no dataset\n"
    )
    return said if has_doors(settings()) else f"{said}{DOORS_ARE_FILES}\n"
