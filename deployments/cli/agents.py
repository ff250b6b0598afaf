"""`prodops agent`: our own agents of the testbed, in the foreground until a signal."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.monitor_access import Token, Url, any_token, monitor_url
from flows.common.settings import BadSetting, settings

if TYPE_CHECKING:
    from deployments.agents.runtime import Agent, Runtime

app = typer.Typer(no_args_is_help=True, help="Run an agent of the testbed.")

Namespace = Annotated[
    str | None,
    typer.Option(
        help="Only messages of this namespace, or of none; default: PRODOPS_AGENT_NAMESPACE.",
        show_default=False,
    ),
]
MemoryFile = Annotated[
    Path | None,
    typer.Option(
        "--memory",
        help="File in which the agent remembers its name and what it has dealt with;"
        " default: one for its kind and namespace, in the state directory.",
        show_default=False,
    ),
]


@app.command("data")
def data(
    *, namespace: Namespace = None, memory: MemoryFile = None, url: Url = None, token: Token = None
) -> None:
    """Register runs and STFs, and announce each STF as ready.

    Ends with 0 at a signal, with 2 where something is configured wrongly, else with 1.
    """
    from deployments.agents.data import DataAgent  # noqa: PLC0415

    _run("data", DataAgent, namespace, memory, url, token)


@app.command("processing")
def processing(
    *, namespace: Namespace = None, memory: MemoryFile = None, url: Url = None, token: Token = None
) -> None:
    """Take note of STFs that are ready, and say that they are processed.

    Ends as `prodops agent data` does.
    """
    from deployments.agents.processing import ProcessingAgent  # noqa: PLC0415

    _run("processing", ProcessingAgent, namespace, memory, url, token)


@app.command("fast-processing")
def fast_processing(
    *, namespace: Namespace = None, memory: MemoryFile = None, url: Url = None, token: Token = None
) -> None:
    """Cut sampled TF files into slices, register and announce them.

    Ends as `prodops agent data` does.
    """
    from deployments.agents.fast_processing import FastProcessingAgent  # noqa: PLC0415

    _run("fast-processing", FastProcessingAgent, namespace, memory, url, token)


def _run(
    kind: str,
    make: Callable[[Runtime], Agent],
    namespace: str | None,
    memory: Path | None,
    url: str | None,
    token: str | None,
) -> None:
    """Run an agent to its end, and end with its exit code."""
    from deployments.agents.launch import run  # noqa: PLC0415

    configured = settings().agent
    found = any_token(token)
    if not found:
        raise BadSetting("SWF_API_TOKEN is not set: `prodops token create` makes a token")
    chosen = configured.namespace if namespace is None else namespace
    named = re.sub(r"[^A-Za-z0-9_.-]", "_", chosen) or "all"
    file = memory or settings().stack.state_dir / "agents" / f"{kind}.{named}.json"
    sys.exit(run(make, configured, namespace=chosen, file=file, url=monitor_url(url), token=found))
