"""`prodops doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Final

import typer

from blocks.errors import ProdOpsError

if TYPE_CHECKING:
    from deployments.doctor.findings import Check
    from deployments.doctor.report import Report
    from deployments.doctor.site import Side

_COLORS: Final = {"problem": "red", "warning": "yellow", "ok": "green", "skipped": "bright_black"}


class UnknownCheck(ProdOpsError):
    """`--only` or `--side` names what there is not.

    Attributes:
        exit_code: Of a command that could not do what it was given.
    """

    exit_code = 2


def diagnose(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this check, with what it needs; repeatable."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="How long one check may take.")
    ] = 15.0,
    side: Annotated[
        str | None,
        typer.Option(help="ops or web; by default whose role the database's URL names."),
    ] = None,
    is_strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings too.")] = False,
    lists: Annotated[bool, typer.Option("--list", help="List the checks, and make none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look at everything that prodops needs here, and say what to do about what is wrong.

    Exit code 0: all is well, or there are only warnings; 1: there are problems; 2: it could not
    be looked at.
    """
    from deployments.doctor.catalogue import CHECKS  # noqa: PLC0415
    from deployments.doctor.diagnosis import diagnosed  # noqa: PLC0415

    if lists:
        for each in CHECKS:
            typer.echo(f"{each.name:<16} {each.summary}")
        return
    report = diagnosed(_chosen(only or []), side=_side(side), timeout_seconds=timeout)
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        _print(report)
    raise typer.Exit(report.exit_code(is_strict=is_strict))


def _chosen(names: list[str]) -> list[Check]:
    """The checks of these names with all that they need; of none, all."""
    from deployments.doctor.catalogue import CHECKS  # noqa: PLC0415

    known = {each.name: each for each in CHECKS}
    wanted = list(names or known)
    for name in wanted:
        if name not in known:
            raise UnknownCheck(f"there is no check {name!r}; there are: {', '.join(known)}")
        wanted += [each for each in known[name].needs if each not in wanted]
    return [each for each in CHECKS if each.name in wanted]


def _side(name: str | None) -> Side | None:
    from deployments.doctor.site import Side  # noqa: PLC0415

    if name is None:
        return None
    try:
        return Side(name)
    except ValueError:
        raise UnknownCheck(f"there is no side {name!r}; there are: {', '.join(Side)}") from None


def _print(report: Report) -> None:
    """A line for each finding, then what to do; colours at a terminal alone."""
    rows = report.rows()
    width = max((len(title) for _, title, _ in rows), default=0)
    for condition, title, text in rows:
        shown = typer.style(f"{condition:<8}", fg=_COLORS[condition])
        typer.echo(f"{shown} {title:<{width}}  {' '.join(text.split())}")
    if advice := report.advice():
        typer.echo("\nWhat to do")
        for about, text in advice:
            typer.echo(f"  {about}: {text}")
    typer.echo(f"\n{report.summary()}")
