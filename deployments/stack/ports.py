"""The ports that the parts listen on: free ones for a temporary stack, and who holds one."""

from __future__ import annotations

import errno
import itertools
import os
import random
import socket
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import psutil

from deployments.stack.errors import PortInUse
from flows.common.settings import BadSetting, Settings

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Port:
    """A part's port, and the setting that changes it."""

    part: str
    host: str
    number: int
    setting: str


def ports_of(settings: Settings, parts: Collection[str]) -> list[Port]:
    """The ports that these parts listen on."""
    sandbox = settings.sandbox
    known = [
        Port("postgres", "127.0.0.1", settings.database.port, "PRODOPS_DATABASE_PORT"),
        Port("prefect", "127.0.0.1", settings.prefect.port, "PRODOPS_PREFECT_PORT"),
        Port("api", settings.api.host, settings.api.port, "PRODOPS_API_PORT"),
        Port("panda", "127.0.0.1", sandbox.panda_port, "PRODOPS_SANDBOX_PANDA_PORT"),
        Port("rucio", "127.0.0.1", sandbox.rucio_port, "PRODOPS_SANDBOX_RUCIO_PORT"),
        Port("door", "0.0.0.0", sandbox.door_port, "PRODOPS_SANDBOX_DOOR_PORT"),  # noqa: S104 - XRootD listens everywhere
        Port("door-open", "0.0.0.0", sandbox.door_open_port, "PRODOPS_SANDBOX_DOOR_OPEN_PORT"),  # noqa: S104 - XRootD listens everywhere
        Port("gateway", "127.0.0.1", sandbox.gateway_port, "PRODOPS_SANDBOX_GATEWAY_PORT"),
        Port("broker", "127.0.0.1", sandbox.broker_port, "PRODOPS_SANDBOX_BROKER_PORT"),
        Port("broker", "127.0.0.1", sandbox.broker_tls_port, "PRODOPS_SANDBOX_BROKER_TLS_PORT"),
    ]
    return [port for port in known if port.part in parts]


def check_free(ports: Iterable[Port], *, patience_seconds: float = 0.0) -> None:
    """See that every port can be listened on, waiting that long for a stack that is ending.

    Raises:
        PortInUse: Another process listens on one.
        BadSetting: One cannot be listened on at all, or two parts are to share one.
    """
    deadline = time.monotonic() + patience_seconds
    taken: dict[int, Port] = {}
    for port in ports:
        if other := taken.get(port.number):
            raise BadSetting(f"setting {port.setting}={port.number}: is {other.setting}'s too")
        taken[port.number] = port
        while not _is_free(port):
            if time.monotonic() >= deadline:
                raise PortInUse(port=port.number, setting=port.setting, owner=owner_of(port.number))
            time.sleep(_POLL_SECONDS)


def owner_of(port: int) -> str:
    """Name and pid of the process that listens on `port`, as far as this user may see."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            if connection.pid is None:
                break
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.NoSuchProcess:
                break
    return "another user's process"


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback interface that nothing listens on now.

    They are below the range that outgoing connections take theirs from.
    """
    candidates = random.SystemRandom().sample(range(20_000, 32_000), k=200)
    free = (n for n in candidates if _is_free(Port("", "127.0.0.1", n, "")))
    return list(itertools.islice(free, count))


def _is_free(port: Port) -> bool:
    family = socket.AF_INET6 if ":" in port.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.host, port.number))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise BadSetting(
                f"setting {port.setting}={port.number}: cannot listen on {port.host}: {reason}"
            ) from error
    return True
