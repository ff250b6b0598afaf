"""The commands about the agents of this host: start, stop, restart, status, logs, kill."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deployments.cli import tables
from deployments.cli.monitor_access import Token, Url, any_token, monitor_url
from deployments.cli.testbed.options import (
    AgentArgument,
    AsJson,
    ConfigOption,
    ReadySeconds,
    ending_in_one_line,
    monitor_of,
    plan_of,
    say,
    user_testbed,
)
from deployments.testbed.errors import BadTestbed
from flows.common.settings import settings

if TYPE_CHECKING:
    from deployments.testbed.environment import Monitor
    from deployments.testbed.lifecycle import Plan, UserTestbed
    from deployments.testbed.overview import Overview

_DEGRADED, _DOWN = 1, 3
NONE_RUNS: Final = 4
"""Exit code of the original's `stop-agents` where no agent runs (contract section 7.1)."""
_FOLLOW_SECONDS: Final = 0.2
_COLUMNS: Final = ["agent", "program", "pid", "since", "instance", "state", "heard"]


def start(
    agent: AgentArgument = None,
    *,
    config: ConfigOption = None,
    ready_seconds: ReadySeconds = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Start the enabled agents, or one, and the controller; wait until they are ready."""
    with ending_in_one_line():
        testbed = user_testbed()
        plan = plan_of(testbed, config)
        _make_ready(testbed, plan, agent, monitor_of(url, token), ready_seconds)


def stop(
    agent: AgentArgument = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also the controller and the supervisor.")
    ] = False,
) -> None:
    """Stop the agents, or one; the controller stays, for commands of others."""
    with ending_in_one_line():
        testbed = user_testbed()
        if everything:
            ended = testbed.shut_down()
            typer.echo("all has ended" if ended else "no agents run, and no supervisor of them")
            return
        stopped = testbed.stop(_known(testbed.states(), agent))
        typer.echo(f"stopped: {', '.join(stopped)}" if stopped else "No agents running")


def stop_agents() -> None:
    """Stop all agents, as the original's command: exit 4 where none runs."""
    with ending_in_one_line():
        testbed = user_testbed()
        stopped = testbed.stop(testbed.states())
        typer.echo(f"stopped: {', '.join(stopped)}" if stopped else "No agents running")
        raise typer.Exit(0 if stopped else NONE_RUNS)


def restart(
    agent: AgentArgument = None,
    *,
    ready_seconds: ReadySeconds = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Stop the agents, or one, start them again, and wait until they are ready."""
    with ending_in_one_line():
        testbed, monitor = user_testbed(), monitor_of(url, token)
        in_use = testbed.supervision.config_in_use
        plan = plan_of(testbed, None if in_use is None else str(in_use))
        testbed.stop(_known(testbed.states(), agent))
        _make_ready(testbed, plan, agent, monitor, ready_seconds)


def status(*, url: Url = None, token: Token = None, as_json: AsJson = False) -> None:
    """Show the agents, the controller, and the workflows that run.

    Ends with 0 when all enabled agents are ready, 1 when some are not, 3 when no supervisor runs.
    """
    from deployments.testbed.overview import overview  # noqa: PLC0415

    with ending_in_one_line():
        seen = overview(user_testbed(), monitor_url(url), any_token(token))
        if as_json:
            sys.stdout.write(json.dumps(seen.as_json(), default=str) + "\n")
        else:
            _show(seen)
        raise typer.Exit(_exit_code(seen))


def logs(
    agent: AgentArgument = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="Number of lines.")] = 50,
) -> None:
    """Print the last lines of an agent's log, or of all; `agent-manager` is the controller."""
    from deployments.stack.logs import Follower  # noqa: PLC0415

    with ending_in_one_line(), ExitStack() as opened:
        layout = user_testbed().supervision.layout
        known = sorted(each.stem for each in layout.logs.glob("*.log"))
        names = _known(known, agent)
        followers = {name: Follower(layout.log(name), lines=lines) for name in names}
        for each in followers.values():
            opened.callback(each.close)
        try:
            while True:
                _print_news(followers, is_named=agent is None)
                if not follow:
                    return
                time.sleep(_FOLLOW_SECONDS)
        except (KeyboardInterrupt, BrokenPipeError):
            return


def kill(
    instance: Annotated[str, typer.Argument(help="The agent's name at the monitor.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Kill an agent's process on this host, by the pid that it has said, after a question."""
    from blocks.monitor_api.agents import AgentApi  # noqa: PLC0415
    from deployments.testbed import killing  # noqa: PLC0415

    with ending_in_one_line():
        monitor, testbed = monitor_of(url, token), user_testbed()
        with AgentApi(monitor.url, monitor.token) as api:
            found = killing.candidate(api, testbed.supervision, instance)
            say(f"{instance}: process {found.pid}: {found.command}")
            if not yes and not typer.confirm("Kill it?"):
                typer.echo("nothing was done")
                raise typer.Exit(1)
            typer.echo(killing.kill(api, found))


def controller(*, url: Url = None, token: Token = None) -> None:
    """Run the controller in the foreground: it takes commands to this user's testbed.

    `testbed run` and `testbed start` start one anyway.
    """
    from deployments.agents import log_records  # noqa: PLC0415
    from deployments.testbed import controller as service  # noqa: PLC0415

    with ending_in_one_line():
        log_records.to_standard_output()
        raise typer.Exit(service.run(settings(), monitor_of(url, token)))


def _make_ready(
    testbed: UserTestbed, plan: Plan, agent: str | None, monitor: Monitor, seconds: float | None
) -> None:
    """Start the agent, or all that are enabled, and wait until they are ready; Ctrl+C leaves."""
    from deployments.testbed.running import Runner  # noqa: PLC0415

    runner = Runner(testbed, monitor, typer.echo)
    with runner.interruption.watched():
        seconds = seconds or settings().testbed.ready_seconds
        runner.make_ready(plan, plan.chosen(agent), seconds)


def _known(known: Sequence[str] | dict[str, Any], name: str | None) -> list[str]:
    """The name, or all of them.

    Raises:
        BadTestbed: It is unknown.
    """
    from deployments.testbed.configuration import nearest  # noqa: PLC0415

    if name is None:
        return list(known)
    if name not in known:
        raise BadTestbed(f"there is no agent {name!r} here{nearest(name, known)}")
    return [name]


def _print_news(followers: dict[str, Any], *, is_named: bool) -> None:
    for name, follower in followers.items():
        prefix = f"{name:>16} | " if is_named else ""
        for line in follower.news():
            sys.stdout.write(f"{prefix}{line}\n")
    sys.stdout.flush()


def _show(seen: Overview) -> None:
    if seen.config is not None:
        typer.echo(f"configuration {seen.config}")
    if not seen.is_up:
        typer.echo(f"no agents run: no supervisor in {settings().testbed.directory}")
    for problem in seen.problems:
        typer.echo(problem)
    tables.show(seen.rows, columns=_COLUMNS)
    for each in seen.workflows:
        typer.echo(f"workflow of request {each['id']} in {each['subject']}: {each['state']}")


def _exit_code(seen: Overview) -> int:
    if not seen.is_up:
        return _DOWN
    return 0 if seen.are_all_ready else _DEGRADED
