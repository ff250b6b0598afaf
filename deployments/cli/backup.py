"""`prodops backup` and `prodops restore`: both databases into a directory, and back."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flows.common.settings import Settings, settings

_MAKE = "make"


class _MakeByDefault(TyperGroup):
    """`prodops backup DIRECTORY` makes one; a command's name goes before a directory's."""

    default = _MAKE

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_MakeByDefault, no_args_is_help=True, help="Back up both databases.")

_Directory = Annotated[Path, typer.Argument(help="Directory of the backup.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_WithoutPrefect = Annotated[
    bool, typer.Option("--without-prefect", help="Leave out the database of Prefect.")
]


@app.command(_MAKE)
def make_backup(
    directory: _Directory, *, without_prefect: _WithoutPrefect = False, as_json: _Json = False
) -> None:
    """Write a backup into a new directory; `prodops backup DIRECTORY` does the same."""
    from deployments.backup import making, server  # noqa: PLC0415

    configured = settings()
    with server.answering(configured):
        made = making.make(
            server.server_of(configured, has_prefect=not without_prefect),
            directory.absolute(),
            bin_dir=configured.database.bin_dir,
            say=_say,
        )
    _print(made.model_dump(mode="json"), f"{directory}: whole", as_json=as_json)


@app.command("verify")
def verify_backup(directory: _Directory, *, as_json: _Json = False) -> None:
    """See that a backup is as it was written."""
    from deployments.backup.manifest import verify  # noqa: PLC0415

    found = verify(directory)
    text = f"{directory}: whole; of {found.at:%Y-%m-%d %H:%M:%S} UTC, revision {found.revision}"
    _print(found.model_dump(mode="json"), text, as_json=as_json)


def restore(
    directory: _Directory,
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace databases that hold something.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Tables that are restored at a time.")] = 2,
    admin: Annotated[
        str | None,
        typer.Option(help="Role that may make databases; by default postgres."),
    ] = None,
    without_prefect: _WithoutPrefect = False,
    as_json: _Json = False,
) -> None:
    """Restore a backup; every part must be down. The former databases are kept, renamed."""
    from deployments.backup import server  # noqa: PLC0415
    from deployments.backup.restoring import Restore  # noqa: PLC0415

    configured = settings()
    with server.answering(configured):
        target = server.server_of(configured, admin=admin, has_prefect=not without_prefect)
        restored = Restore(
            server=target,
            directory=directory,
            bin_dir=configured.database.bin_dir,
            jobs=jobs,
            say=_say,
        ).run(is_replacing=replace, free_bytes=_free_bytes(configured))
    kept = "".join(f"\nkept: {name}" for name in restored.kept)
    text = f"restored the state of {restored.manifest.at:%Y-%m-%d %H:%M:%S} UTC{kept}"
    row = {"at": restored.manifest.at.isoformat(), "event_id": restored.event_id}
    _print({**row, "kept": list(restored.kept)}, text, as_json=as_json)


def _free_bytes(configured: Settings) -> int | None:
    """What is free where the stack's own server keeps its data; None: it is a server of yours."""
    if configured.database.url is not None:
        return None
    from deployments.stack.postgres import instance_of  # noqa: PLC0415

    return shutil.disk_usage(instance_of(configured).base).free


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _print(row: dict[str, Any], text: str, *, as_json: bool) -> None:
    sys.stdout.write((json.dumps(row) if as_json else text) + "\n")
