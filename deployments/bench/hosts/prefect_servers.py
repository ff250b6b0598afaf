"""Prefect on PostgreSQL with Redis: an API server on each host, its services and Redis here.

Settings and their traps: `docs/how-to/run-on-many-machines.md`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from deployments.bench.hosts.network import Host, NoHosts
from deployments.bench.hosts.processes import Process
from deployments.stack import prefect_server
from deployments.stack.credentials import Credentials
from deployments.stack.stack import Stack

_MIGRATION_SECONDS: Final = 180.0
_PREFECT: Final = (sys.executable, "-m", "prefect")
REDIS: Final = "redis-server"
"""The program, and Debian's package of it."""


def require_redis_support() -> None:
    """See that Prefect can use Redis.

    Raises:
        NoHosts: It cannot.
    """
    if find_spec("prefect_redis") is None:
        raise NoHosts("not installed: prefect-redis (pip install 'epic-prodops[redis]')")


def redis(directory: Path, port: int) -> Process:
    """Redis, which keeps nothing through a kill: Prefect's truth is in PostgreSQL."""
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    # A host's connection comes from its own address, which Redis would want a password of.
    argv = (REDIS, *options, "--protected-mode", "no")
    return Process("redis", argv, dict(os.environ), directory)


def api_server(stack: Stack, host: Host, directory: Path, redis_port: int) -> Process:
    """The API server on a host."""
    port = str(stack.settings.prefect.port)
    own = {
        "PREFECT_SERVER_API_HOST": host.address,
        "PREFECT_HOME": os.fspath(directory / "prefect"),
    }
    options = ("server", "start", "--no-services", "--host", host.address, "--port", port)
    environment = _environment(stack, redis_port) | own
    return Process("prefect", (*_PREFECT, *options), environment, directory, host)


def services(stack: Stack, directory: Path, redis_port: int) -> Process:
    """The loops that Prefect runs once for all servers."""
    own = {"PREFECT_HOME": os.fspath(directory / "prefect-services")}
    argv = (*_PREFECT, "server", "services", "start")
    return Process("prefect-services", argv, _environment(stack, redis_port) | own, directory)


def migrate(stack: Stack, redis_port: int) -> None:
    """Make Prefect's schema: servers that start together would both try.

    Raises:
        NoHosts: It cannot be made.
    """
    argv = (*_PREFECT, "server", "database", "upgrade", "-y")
    done = subprocess.run(
        argv, env=_environment(stack, redis_port), capture_output=True, text=True, check=False,
        timeout=_MIGRATION_SECONDS,
    )  # fmt: skip
    if done.returncode != 0:
        raise NoHosts(f"Prefect's schema cannot be made: {done.stderr.strip()[-500:]}")


def _environment(stack: Stack, redis_port: int) -> dict[str, str]:
    password = Credentials(stack.layout.secrets).prefect_api.read_text().strip()
    server, keepalive = f"redis://127.0.0.1:{redis_port}", "socket_keepalive=false"
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.fspath(stack.state_dir),
        **prefect_server.environment(stack.settings, password),
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_URL": f"{server}/0?{keepalive}",
        "PREFECT_SERVER_DOCKET_URL": f"{server}/1?{keepalive}",
        # else what comes by a websocket is held back for seconds (measured)
        "PREFECT_REDIS_MESSAGING_PUBLISHER_BATCH_SIZE": "1",
        "PREFECT_REDIS_MESSAGING_PUBLISHER_PUBLISH_EVERY": "1",
        "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
    }
