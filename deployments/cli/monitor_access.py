"""What the commands that talk to a monitor share: their options, the connection, exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from blocks import monitor_api
from blocks.errors import ProdOpsError
from blocks.monitor_api.actions import ActionApi
from flows.common.settings import BadSetting, settings

FAILED, BAD_SETTING, TOKEN_REFUSED, INTERRUPTED = 1, 2, 3, 130

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        "--monitor-url",
        "-m",
        help="Address of the monitor; default: SWF_MONITOR_URL.",
        show_default=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        "--api-token",
        "-t",
        help="Token of the monitor; default: SWF_API_TOKEN.",
        show_default=False,
    ),
]


def monitor_url(url: str | None) -> str:
    """Give the monitor's address: the option's, else the setting's."""
    return url or settings().api.monitor_url


def any_token(token: str | None) -> str | None:
    """Give the token: the option's, else the setting's, if there is one."""
    return token or settings().api.token


def monitor_token(token: str | None) -> str:
    """Give the token: the option's, else the setting's; without one the command ends with 1."""
    found = any_token(token)
    if not found:
        typer.echo(
            "Configuration error: SWF_API_TOKEN environment variable is required\n"
            "Set SWF_API_TOKEN or give --token; `prodops token create` makes a token.",
            err=True,
        )
        raise typer.Exit(FAILED)
    return found


@contextmanager
def connected_monitor(url: str | None, token: str | None) -> Iterator[monitor_api.MonitorApi]:
    """The monitor, which needs a token; its failures end the command in one line."""
    with (
        failures_in_one_line(),
        monitor_api.MonitorApi(monitor_url(url), monitor_token(token)) as api,
    ):
        yield api


@contextmanager
def connected_actions(url: str | None, token: str | None) -> Iterator[ActionApi]:
    """The monitor's actions and lists, for reading; its failures end the command in one line."""
    with failures_in_one_line(), ActionApi(monitor_url(url), any_token(token)) as api:
        yield api


@contextmanager
def failures_in_one_line() -> Iterator[None]:
    """Print a failure as one line on stderr; exit with 3 (token), 2 (setting) or 1."""
    try:
        yield
    except monitor_api.TokenRefused as error:
        typer.echo(f"Auth failed: {error}. Check SWF_API_TOKEN.", err=True)
        raise typer.Exit(TOKEN_REFUSED) from None
    except ProdOpsError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(BAD_SETTING if isinstance(error, BadSetting) else FAILED) from None
