"""An agent as a process: its parts put together, by the message bus where one is set, or REST."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from blocks.monitor_api.agents import AgentApi
from blocks.monitor_api.client import MonitorApi
from blocks.monitor_api.errors import BadMonitorAddress, TokenRefused
from deployments.agents import log_records
from deployments.agents.bus_transport import BusTransport
from deployments.agents.memory import Memory
from deployments.agents.runtime import BAD_CONFIGURATION, Agent, Runtime
from deployments.agents.transport import Outgoing, RestTransport, Transport
from deployments.broker_access import access_of
from flows.common.settings import BadSetting, settings

_TIMEOUT_SECONDS: Final = 10.0

_log = logging.getLogger("prodops.agent")


@dataclass(frozen=True)
class Setup:
    """What one agent is started with.

    Attributes:
        namespace: Whose messages it acts on, besides those of none; empty: everybody's.
        memory: The file in which it remembers what it has dealt with.
        url: Address of the monitor.
        token: For the monitor.
    """

    namespace: str
    memory: Path
    url: str
    token: str = field(repr=False)

    @classmethod
    def of(
        cls,
        kind: str,
        *,
        namespace: str | None = None,
        memory: Path | None = None,
        url: str | None = None,
        token: str | None = None,
    ) -> Self:
        """What an agent of that kind is started with: what is given, else what is set.

        Raises:
            BadSetting: There is no token.
        """
        configured = settings()
        if not (found := token or configured.api.token):
            raise BadSetting("SWF_API_TOKEN is not set; `prodops token create` makes a token")
        chosen = configured.agent.namespace if namespace is None else namespace
        plain = re.sub(r"[^A-Za-z0-9_.-]", "_", chosen) or "all"
        default = configured.stack.state_dir / "agents" / f"{kind}.{plain}.json"
        return cls(chosen, memory or default, url or configured.api.monitor_url, found)


def _transport(api: AgentApi, monitor: MonitorApi, name: Callable[[], str]) -> Transport:
    """The message bus where one is set, else the monitor's REST."""

    def report(line: str) -> None:
        _log.warning("%s", line)

    bus = settings().bus
    if bus.host is None:
        return RestTransport(api, monitor, report)
    return BusTransport(access_of(bus), name, report, lambda message: _record(api, message))


def _record(api: AgentApi, message: Outgoing) -> None:
    """Have the monitor know of a message that goes where it does not listen; none is relayed."""
    body = message.body
    row = {
        "message_type": body["msg_type"],
        "message_content": body,
        "queue_name": message.destination.rpartition("/")[2],
        "is_successful": True,
        **{name: body.get(name) for name in ("namespace", "execution_id")},
        "run_id": None if body.get("run_id") is None else str(body["run_id"]),
        "sender_agent": body.get("sender"),
    }
    api.add("workflow-messages", {name: each for name, each in row.items() if each is not None})


def run(make: Callable[[Runtime], Agent], setup: Setup) -> int:
    """Run the agent that `make` makes of its runtime, until a signal.

    Returns:
        The process's exit code: 0 clean, 2 configured wrongly, 1 for any other failure.
    """
    log_records.to_standard_output()
    try:
        with (
            AgentApi(setup.url, setup.token, timeout_seconds=_TIMEOUT_SECONDS) as api,
            MonitorApi(setup.url, setup.token, timeout_seconds=_TIMEOUT_SECONDS) as monitor,
            Memory.open(setup.memory, api.url) as memory,
        ):
            transport = _transport(api, monitor, lambda: runtime.name)
            own = settings().agent
            runtime = Runtime(api, transport, memory, own, namespace=setup.namespace)
            return runtime.run(make(runtime))
    except (BadSetting, BadMonitorAddress, TokenRefused) as error:
        _log.error("%s", error)
        return BAD_CONFIGURATION
