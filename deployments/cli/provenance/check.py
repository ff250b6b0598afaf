"""`prodops provenance check`: the production team's hand-made table, of Rucio as it is now."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from blocks import did_names
from blocks.errors import ProdOpsError
from deployments.cli.monitor_access import Token, Url, any_token, monitor_url
from flows.common.settings import settings

if TYPE_CHECKING:
    from blocks.rucio_catalog import RucioCatalog
    from flows.provenance.domain.marks import RequestTable

_COLUMNS: Final = (
    "DSC or PWG",
    "Priority",
    "Dataset Path",
    "Generator/Dataset Version",
    "Number of Events",
    "Background",
    "New Request",
    "Pre-TDR Use",
    "Early Science Use",
    "Other Use",
    "Description",
    "Issue",
)  # of the public table of requests (ops contract section 3.6)


class RequestsNotRead(ProdOpsError):
    """There is no table of requests to be marked."""


class TableNotWritten(ProdOpsError):
    """The marked table could not be written; a file of that name is as it was."""


def check(
    *,
    campaign: Annotated[
        str, typer.Option(help="The campaign, or a prefix of its name: 26.04 includes 26.04.1.")
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="File to write the table to.")],
    input_: Annotated[
        Path | None,
        typer.Option(
            "--input", metavar="FILE", help="Table of requests (CSV); default: those of PCS."
        ),
    ] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Mark the requests that were produced in a campaign, in check_campaign.py's table format.

    Asks Rucio now, with the ops side's identity. Where it does not answer, nothing is written.
    Rows that cannot be read are named and left out, and the exit code is then 1.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415

    from deployments.access import join_stack  # noqa: PLC0415
    from flows.common.adapters import produced_catalog  # noqa: PLC0415
    from flows.common.sources import Sources  # noqa: PLC0415
    from flows.provenance.actions import CampaignName  # noqa: PLC0415
    from flows.provenance.domain.marks import written  # noqa: PLC0415

    try:
        TypeAdapter(CampaignName).validate_python(campaign)
    except ValidationError:
        raise typer.BadParameter(f"{campaign!r} is no campaign's name") from None
    join_stack()
    table = _of_file(input_) if input_ is not None else _of_pcs(url, token)
    with produced_catalog(settings(), Sources(settings())) as catalog:
        found = marks_of(catalog, settings().provenance.scope, campaign, table.paths)
    _write(output, written(table, campaign, found))
    _summarize(table, campaign, output, found)
    if table.refused:
        raise typer.Exit(1)


def marks_of(
    catalog: RucioCatalog, scope: str, campaign: str, paths: Sequence[str]
) -> dict[str, list[str]]:
    """Ask Rucio which of the paths a campaign has: a handful of calls instead of one a request.

    Args:
        catalog: Where.
        scope: Of what is produced.
        campaign: Part of the campaign's name: 26.04 is any edition of it.
        paths: Requested paths.

    Returns:
        The paths that it has, each with the names that say so.

    Raises:
        RucioUnavailable: It did not answer, or not whole: no path is known to be missing.
        DidNotFound: A collection went while it was read.
    """
    from flows.provenance.domain import marks  # noqa: PLC0415

    names = set(catalog.list_collections(scope, marks.pattern_of(campaign)))
    holders: set[str] = set()
    if any(map(marks.names_a_file, paths)):
        holders.update(catalog.list_collections(scope, marks.pattern_of_files(campaign)))
    reachable = sorted(each for each in holders if did_names.unreachable(each) is None)
    files = sorted({child.name for each in reachable for child in catalog.content(scope, each)})
    return marks.marked(campaign, paths, names, files)


def _of_file(path: Path) -> RequestTable:
    from flows.common.spreadsheet import TableUnreadable, decoded  # noqa: PLC0415
    from flows.provenance.domain.marks import read_requests  # noqa: PLC0415

    try:
        return read_requests(decoded(path.read_bytes()))
    except TableUnreadable as error:
        raise RequestsNotRead(f"{path} {error}") from error
    except OSError as error:
        raise RequestsNotRead(f"{path} cannot be read: {error}") from error


def _of_pcs(url: str | None, token: str | None) -> RequestTable:
    """PCS's requests as the rows that they were imported from."""
    from blocks.pcs_service.connection import PcsConnection  # noqa: PLC0415
    from flows.provenance.domain.marks import RequestTable  # noqa: PLC0415

    configured = settings().pcs
    address = url or configured.url or monitor_url(None)
    connection = PcsConnection(
        address,
        token=any_token(token),
        timeout_seconds=configured.timeout_seconds,
        transport=None,
    )
    with closing(connection):
        listed = connection.json("GET", "", resource="prod-requests")
    rows = [row for row in map(_raw, listed) if row is not None]
    if not rows:
        raise RequestsNotRead(f"{connection.url} has no imported requests: give --input")
    return RequestTable(_COLUMNS, tuple(rows))


def _raw(listed: Any) -> dict[str, str] | None:
    data = listed.get("data") if isinstance(listed, dict) else None
    raw = data.get("csv_import") if isinstance(data, dict) else None
    return {name: str(raw.get(name, "")) for name in _COLUMNS} if isinstance(raw, dict) else None


def _write(path: Path, content: str) -> None:
    """Replace the file whole."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(content.encode("utf-8"))
        part.replace(path)
    except OSError as error:
        raise TableNotWritten(f"{path}: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _summarize(
    table: RequestTable, campaign: str, output: Path, found: Mapping[str, Sequence[str]]
) -> None:
    from flows.common.spreadsheet import in_words  # noqa: PLC0415

    for path, names in found.items():
        typer.echo(f"{path}: {', '.join(names)}", err=True)
    slashed = [path for path in table.paths if path.endswith("/")]
    if slashed:
        typer.echo(
            f"{len(slashed)} paths end in a slash, which the hand script never finds; "
            "`prodops provenance sweep` does",
            err=True,
        )
    typer.echo(f"fields are separated by a {in_words(table.separator)}", err=True)
    for row in table.refused:
        typer.echo(f"line {row.line} is left out: {row.reason}", err=True)
    typer.echo(f"{len(found)} of {len(table.rows)} requests are in {campaign}: {output}")
