"""What an agent's environment holds: the same from whichever shell the agent is started.

Source of the original agents' names: fast-monitoring contract sections 5.2, 7.2 and 8.2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from blocks.message_broker.access import read_login
from deployments.stack.environment import given_settings
from flows.common.http_proxies import proxy_environment
from flows.common.settings import Settings, known_names

_INHERITED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH",
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "X509_USER_PROXY", "X509_CERT_DIR",
)  # fmt: skip
_PREFIXES: Final = ("SWF_", "ACTIVEMQ_", "FASTMON_", "PANDA_", "RUCIO_")
_CONFIG_NAMES: Final = ("SWF_TESTBED_CONFIG", "PRODOPS_TESTBED_CONFIG")


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """The monitor that agents talk to, and their token for it."""

    url: str
    token: str = field(repr=False)


def passed_on() -> dict[str, str]:
    """What agents get of this process's settings, and of the variables that originals read."""
    named = {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}
    return named | given_settings()


def agent_environment(
    settings: Settings, monitor: Monitor, config: Path | None, given: Mapping[str, str]
) -> dict[str, str]:
    """The environment of every agent; of the controller, which knows no configuration, too.

    Args:
        settings: The settings of this process.
        monitor: The monitor.
        config: The testbed's configuration, absolute; None: it is named nowhere.
        given: What is passed on, by `passed_on`.

    Raises:
        BadLogin: The login at the broker cannot be read.
        BadSetting: An HTTP proxy is none.
    """
    found = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    found |= _with_absolute_paths(settings, given) | proxy_environment(os.environ)
    for name in _CONFIG_NAMES:
        found.pop(name, None)
    if config is not None:
        found["SWF_TESTBED_CONFIG"] = os.fspath(config)
    return found | {
        "PYTHONUNBUFFERED": "1",
        "PRODOPS_STATE_DIR": os.fspath(settings.stack.state_dir),
        "PRODOPS_TESTBED_STATE_DIR": os.fspath(settings.testbed.directory),
        "SWF_API_TOKEN": monitor.token,
        "SWF_MONITOR_URL": monitor.url,
        "SWF_MONITOR_HTTP_URL": monitor.url,
        "VIRTUAL_ENV": sys.prefix,  # the original agents do not start without one
        **_broker(settings),
    }


def _with_absolute_paths(settings: Settings, given: Mapping[str, str]) -> dict[str, str]:
    """What is given, with settings' paths made to hold wherever the agent works."""
    known = known_names()
    passed = dict(given)
    for name in given.keys() & known.keys():
        group, field_name = known[name]
        read = getattr(getattr(settings, group), field_name)
        if isinstance(read, Path):
            passed[name] = os.fspath(read.absolute())
    return passed


def _broker(settings: Settings) -> dict[str, str]:
    """The broker, as the original agents are told of it; nothing where none is set."""
    bus = settings.bus
    if bus.host is None:
        return {}
    found = {"ACTIVEMQ_HOST": bus.host, "ACTIVEMQ_PORT": str(bus.port)}
    found["ACTIVEMQ_USE_SSL"] = str(bus.has_tls)
    if bus.ca_file is not None:
        found["ACTIVEMQ_SSL_CA_CERTS"] = os.fspath(bus.ca_file.absolute())
    if bus.login_file is not None:
        login = read_login(bus.login_file)
        found |= {"ACTIVEMQ_USER": login.user, "ACTIVEMQ_PASSWORD": login.password}
    return found
