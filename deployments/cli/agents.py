"""`prodops agent`: our own agents of the testbed, in the foreground until a signal."""

from __future__ import annotations

import importlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.monitor_access import Token, Url


class AgentKind(StrEnum):
    """The agents that there are."""

    DATA = "data"
    PROCESSING = "processing"
    FAST_PROCESSING = "fast-processing"


_CLASSES = {
    AgentKind.DATA: ("deployments.agents.data", "DataAgent"),
    AgentKind.PROCESSING: ("deployments.agents.processing", "ProcessingAgent"),
    AgentKind.FAST_PROCESSING: ("deployments.agents.fast_processing", "FastProcessingAgent"),
}

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
        help="File in which the agent remembers its number and what it has dealt with;"
        " default: one for its kind and namespace, in the state directory.",
        show_default=False,
    ),
]


def run_agent(
    kind: Annotated[AgentKind, typer.Argument(help="Which agent.")],
    *,
    namespace: Namespace = None,
    memory: MemoryFile = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Run an agent of the testbed until SIGTERM or Ctrl+C.

    `data` registers runs and STFs, and announces each STF as ready; `processing` takes note of
    STFs that are ready; `fast-processing` cuts sampled TF files into slices. Messages go by the bus
    where PRODOPS_BUS_HOST is set, else by the monitor. A monitor that is away is waited for. Ends
    with 0 at a signal, with 2 where something is configured wrongly, else 1.
    """
    from deployments.agents import launch  # noqa: PLC0415

    module, name = _CLASSES[kind]
    setup = launch.Setup.of(kind, namespace=namespace, memory=memory, url=url, token=token)
    sys.exit(launch.run(getattr(importlib.import_module(module), name), setup))
