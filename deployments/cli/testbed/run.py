"""`testbed run`: a workflow on the user's agents, with what is seen of it."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from typing import Annotated

import typer

from deployments.cli.monitor_access import Token, Url
from deployments.cli.testbed.options import (
    AsJson,
    Config,
    ReadySeconds,
    ending_in_one_line,
    monitor_of,
    plan_of,
    say,
    user_testbed,
)
from flows.common.settings import settings


def run(
    config: Config = None,
    *,
    workflow: Annotated[
        str | None, typer.Option(help="Name of the workflow.", show_default=False)
    ] = None,
    workflow_config: Annotated[
        str | None,
        typer.Option(
            "--workflow-config",
            "--config",
            help="The workflow's configuration.",
            show_default=False,
        ),
    ] = None,
    stf_count: Annotated[
        int | None, typer.Option(min=0, help="STFs of each physics period.", show_default=False)
    ] = None,
    physics_period_count: Annotated[
        int | None, typer.Option(min=0, help="Physics periods.", show_default=False)
    ] = None,
    physics_period_duration: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds of each physics period.", show_default=False),
    ] = None,
    stf_interval: Annotated[
        float | None, typer.Option(min=0, help="Seconds between STFs.", show_default=False)
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds after which the workflow is ended.", show_default=False),
    ] = None,
    realtime: Annotated[
        bool | None,
        typer.Option(
            "--realtime/--no-realtime",
            help="In its own time, or as fast as it can.",
            show_default=False,
        ),
    ] = None,
    stop_agents: Annotated[
        bool, typer.Option("--stop-agents", help="Stop the agents afterwards.")
    ] = False,
    ready_seconds: ReadySeconds = None,
    url: Url = None,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Start the enabled agents, wait until they are ready, run the workflow and wait for its end.

    Options count instead of the configuration's values. Ctrl+C stops the workflow, with its
    end_run; the agents stay ready. Ends with 0 when it has completed, 1 when it failed or was
    terminated, 2 where something is configured wrongly, 3 where the token is refused, 130 after
    Ctrl+C.
    """  # fmt: skip
    from deployments.cli.testbed.display import Display, summarise  # noqa: PLC0415
    from deployments.testbed import finding  # noqa: PLC0415
    from deployments.testbed.running import Runner, agents_stopped_afterwards  # noqa: PLC0415
    from deployments.testbed.workflow_request import Options, form_of  # noqa: PLC0415

    parameters = {
        "stf_count": stf_count,
        "physics_period_count": physics_period_count,
        "physics_period_duration": physics_period_duration,
        "stf_interval": stf_interval,
    }
    with ending_in_one_line():
        testbed = user_testbed()
        config, of_workflow = finding.split(config)
        plan = plan_of(testbed, config)
        options = Options(
            workflow=workflow,
            config=workflow_config or of_workflow,
            duration_seconds=duration,
            realtime=realtime,
            parameters={key: value for key, value in parameters.items() if value is not None},
        )
        form = form_of(plan.configuration, options)
        seconds = ready_seconds or settings().testbed.ready_seconds
        afterwards = agents_stopped_afterwards(testbed, plan, say) if stop_agents else nullcontext()
        with Display(is_shown=not as_json) as display:
            runner = Runner(testbed, monitor_of(url, token), say, heard=display.heard)
            with runner.interruption.watched(), afterwards:
                report = runner.run(plan, form, ready_seconds=seconds)
        if as_json:
            sys.stdout.write(json.dumps(report.as_json()) + "\n")
        else:
            summarise(report.as_json(), runner.monitor.url)
        raise typer.Exit(report.exit_code)
