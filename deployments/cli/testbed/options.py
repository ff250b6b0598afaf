"""What the commands of `testbed` share: their options, and how they end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.monitor_access import any_token, failures_in_one_line, monitor_url
from deployments.testbed.interruption import Leave
from flows.common.settings import BadSetting, settings

if TYPE_CHECKING:
    from deployments.testbed.environment import Monitor
    from deployments.testbed.lifecycle import Plan, UserTestbed

INTERRUPTED = 130

Config = Annotated[
    str | None,
    typer.Argument(
        help="A testbed configuration: a file, or its name without `.toml` or `_default.toml`;"
        " default: SWF_TESTBED_CONFIG, else testbed.toml here, else the one in use.",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    str | None,
    typer.Option("--config", "-c", help="A testbed configuration.", show_default=False),
]
AgentArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[AGENT]", help="An agent of the configuration; default: all.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ReadySeconds = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        help="How long agents are waited for; default: PRODOPS_TESTBED_READY_SECONDS.",
        show_default=False,
    ),
]


def say(line: str) -> None:
    """Tell people how it goes on, on stderr."""
    typer.echo(line, err=True)


def user_testbed() -> UserTestbed:
    """The testbed of whoever gives the command."""
    from deployments.testbed.lifecycle import UserTestbed  # noqa: PLC0415

    return UserTestbed(settings())


def plan_of(testbed: UserTestbed, config: str | None) -> Plan:
    """The configuration that is meant, and its agents.

    Raises:
        BadTestbed: There is none, or it cannot be used.
    """
    from deployments.testbed import finding  # noqa: PLC0415

    in_use = testbed.supervision.config_in_use
    return testbed.plan(finding.find(config, settings().testbed, in_use=in_use))


def monitor_of(url: str | None, token: str | None) -> Monitor:
    """The monitor, and the token that agents get.

    Raises:
        BadSetting: There is no token.
    """
    from deployments.testbed.environment import Monitor  # noqa: PLC0415

    if not (found := any_token(token)):
        raise BadSetting("SWF_API_TOKEN is not set; `prodops token create` makes a token")
    return Monitor(url=monitor_url(url).rstrip("/"), token=found)


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """Print a failure as one line on stderr; a command that Ctrl+C ended exits with 130."""
    try:
        with failures_in_one_line():
            yield
    except Leave:
        say("left; what runs goes on: `testbed status` shows it")
        raise typer.Exit(INTERRUPTED) from None
