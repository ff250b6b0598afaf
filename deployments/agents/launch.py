"""An agent as a process: its parts put together, over REST."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from blocks.monitor_api.agents import AgentApi
from blocks.monitor_api.client import MonitorApi
from blocks.monitor_api.errors import BadMonitorAddress, TokenRefused
from deployments.agents import log_records
from deployments.agents.memory import Memory
from deployments.agents.runtime import BAD_CONFIGURATION, Agent, Runtime
from deployments.agents.transport import RestTransport
from flows.common.settings import AgentSettings, BadSetting

_TIMEOUT_SECONDS: Final = 10.0

_log = logging.getLogger("prodops.agent")


def run(
    make: Callable[[Runtime], Agent],
    settings: AgentSettings,
    *,
    namespace: str,
    file: Path,
    url: str,
    token: str,
) -> int:
    """Run an agent until a signal.

    Args:
        make: Makes the agent of its runtime.
        settings: Of agents.
        namespace: Whose messages it acts on, besides those of none; empty: everybody's.
        file: Where it remembers what it has dealt with.
        url: Address of the monitor.
        token: For the monitor.

    Returns:
        The process's exit code: 0 clean, 2 configured wrongly, 1 for any other failure.
    """
    log_records.to_standard_output()
    try:
        with AgentApi(url, token, timeout_seconds=_TIMEOUT_SECONDS) as api:
            memory = Memory.open(file, api.url)
            try:
                return _run(make, settings, namespace, api, memory, token)
            finally:
                memory.close()
    except (BadSetting, BadMonitorAddress, TokenRefused) as error:
        _log.error("%s", error)
        return BAD_CONFIGURATION


def _run(
    make: Callable[[Runtime], Agent],
    settings: AgentSettings,
    namespace: str,
    api: AgentApi,
    memory: Memory,
    token: str,
) -> int:
    with MonitorApi(api.url, token, timeout_seconds=_TIMEOUT_SECONDS) as monitor:
        transport = RestTransport(api, monitor, report=lambda line: _log.warning("%s", line))
        runtime = Runtime(api, transport, memory, settings, namespace=namespace)
        return runtime.run(make(runtime))
