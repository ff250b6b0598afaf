"""`prodops block`: the outside services' configurations in Prefect, listed, written, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from blocks.errors import ProdOpsError
from deployments.cli import tables
from flows.common.settings import BadSetting, Settings, settings

if TYPE_CHECKING:
    from deployments.block_documents.documents import Written

app = typer.Typer(
    no_args_is_help=True,
    help="The blocks that hold how PanDA, Rucio, storage and the others are reached.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON array.")]


class NothingToCheck(ProdOpsError):
    """Neither a name nor `--all` was given, or there is no block.

    Attributes:
        exit_code: Of a command that could not do what it was given.
    """

    exit_code = 2


@app.command("list")
def list_all(*, as_json: AsJson = False) -> None:
    """List what runs use: for each outside service, its block or the settings."""
    from deployments.access import join_stack  # noqa: PLC0415
    from flows.common.outsides import OUTSIDES  # noqa: PLC0415
    from flows.common.sources import read_documents, setting_of  # noqa: PLC0415

    join_stack()
    configured = settings()
    documents = read_documents(configured) if _names_any(configured) else {}
    names = {str(each) for each in documents}
    rows = []
    for each in OUTSIDES:
        name = each.name_in(configured)
        state = "configured" if each.is_in(configured) else "not configured"
        if name is not None:
            state = "present" if f"{each.type_slug}/{name}" in names else "missing"
        rows.append(
            {
                "service": each.title,
                "type": each.type_slug,
                "source": name or "settings",
                "state": state,
                "setting": setting_of(each, each.named_by),
            }
        )
    columns = ["service", "type", "source", "state", "setting"]
    tables.show(rows, columns=columns, as_json=as_json)


@app.command()
def sync(*, as_json: AsJson = False) -> None:
    """Write every block anew from the settings, edited ones too, and say what changed."""
    from deployments.prefect_access import join_prefect  # noqa: PLC0415

    join_prefect()
    import asyncio  # noqa: PLC0415

    rows = [_row(each) for each in asyncio.run(_sync())]
    columns = ["block", "change", "fields", "named by"]
    tables.show(rows, columns=columns, as_json=as_json)


@app.command()
def check(
    name: Annotated[
        str | None, typer.Argument(help="The block, as `prodops block list` shows it.")
    ] = None,
    *,
    is_all: Annotated[
        bool, typer.Option("--all", help="Check every block of an outside service.")
    ] = False,
    door: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Storage door to ask, root://HOST:PORT; repeatable; by default those of the "
            "local RSEs and of the event-generator files.",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="How long one check may take.")
    ] = 15.0,
    as_json: AsJson = False,
) -> None:
    """Connect to what a block is about, and say what is found.

    Exit code 0: all is good; 1: something is not; 2: it could not be checked.
    """
    if (name is None) is not is_all:
        raise NothingToCheck("give the name of a block, or --all")
    from deployments.prefect_access import join_prefect  # noqa: PLC0415

    try:
        join_prefect()
        rows = _findings(name, door or (), timeout)
    except BadSetting:
        raise
    except ProdOpsError as error:
        raise NothingToCheck(str(error)) from error
    tables.show(rows, columns=["block", "check", "result", "found"], as_json=as_json)
    if any(row["result"] != "good" for row in rows):
        raise typer.Exit(1)


def _findings(name: str | None, doors: Any, seconds: float) -> list[dict[str, Any]]:
    from deployments.block_documents.checking import (  # noqa: PLC0415 - prefect: environment first
        TYPE_SLUGS,
        Checking,
        chosen,
    )
    from flows.common.sources import prefect_api  # noqa: PLC0415

    documents = prefect_api(settings()).documents_of(TYPE_SLUGS)
    checking = Checking(settings(), seconds, doors)
    wanted = chosen(name, documents) if name is not None else documents
    if not wanted:
        raise NothingToCheck("Prefect has no block of ours; `prodops block sync` makes them")
    return [
        {
            "block": str(block),
            "check": each.what,
            "result": "good" if each.is_good else "bad",
            "found": each.text,
        }
        for block, values in wanted.items()
        for each in checking.of(block, values)
    ]


async def _sync() -> list[Written]:
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - environment first

    from deployments.block_documents.documents import sync_documents  # noqa: PLC0415
    from deployments.block_documents.types import register_types  # noqa: PLC0415

    async with get_client() as client:
        await register_types(client)
        return await sync_documents(client, settings())


def _row(written: Written) -> dict[str, Any]:
    from flows.common.sources import setting_of  # noqa: PLC0415

    outside = written.outside
    setting = setting_of(outside, outside.named_by)
    is_named = outside.name_in(settings()) == written.name
    return {
        "block": f"{outside.type_slug}/{written.name}",
        "change": written.change.value,
        "fields": " ".join(written.fields),
        "named by": setting if is_named else f"nothing; set {setting}={written.name} to use it",
    }


def _names_any(configured: Settings) -> bool:
    from flows.common.outsides import OUTSIDES  # noqa: PLC0415

    return any(each.name_in(configured) for each in OUTSIDES)
