"""`prodops automation`: automations of Prefect that act on domain events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

app = typer.Typer(
    no_args_is_help=True, help="Make Prefect's automations that act on domain events."
)

Names = Annotated[
    list[str], typer.Argument(help="Files, or names of those that come with prodops.")
]


@app.command("list")
def list_automations() -> None:
    """List the automations that come with prodops."""
    from deployments.automations import files  # noqa: PLC0415

    for name in files.shipped():
        typer.echo(f"{name}: {files.read(name)['description']}")


@app.command()
def apply(names: Names) -> None:
    """Make automations at Prefect, or bring those of the same names to what the files say."""
    from deployments.automations import files  # noqa: PLC0415

    documents = [files.read(each) for each in names]

    async def work(client: PrefectClient) -> None:
        from deployments.automations import applying  # noqa: PLC0415

        for document in documents:
            done = await applying.apply(client, document)
            typer.echo(f"{'made' if done.is_new else 'updated'} {done.name} ({done.id})")

    _with_prefect(work)


@app.command()
def show(name: Annotated[str, typer.Argument(help="A file, or a name.")]) -> None:
    """Print an automation as `prefect automation create --from-file` takes it."""
    import yaml  # noqa: PLC0415

    from deployments.automations import files  # noqa: PLC0415

    document = files.read(name)

    async def work(client: PrefectClient) -> None:
        from deployments.automations import applying  # noqa: PLC0415

        resolved = await applying.resolve(client, document)
        typer.echo(yaml.safe_dump(resolved, sort_keys=False).rstrip())

    _with_prefect(work)


def _with_prefect(work: Callable[[PrefectClient], Awaitable[Any]]) -> None:
    from deployments.prefect_access import join_prefect  # noqa: PLC0415

    join_prefect()

    async def run() -> None:
        from prefect.client.orchestration import get_client  # noqa: PLC0415 - environment first

        async with get_client() as client:
            await work(client)

    asyncio.run(run())
