"""The external proxy's double for tests: the sandbox's gateway in front of any address."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployments.sandbox.grid import gateway
from deployments.sandbox.grid.programs import nginx_program
from deployments.stack.ports import free_ports
from tests.waiting import PATIENCE, wait_until


def require_nginx() -> str:
    """The program; without it the test is skipped, which CI does not permit."""
    program = nginx_program()
    if program is None:
        reason = "nginx is not installed: deployments/system-packages.sh installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return program


@contextmanager
def proxied(upstream_url: str, home: Path, *, user: str) -> Iterator[str]:
    """An address that leads through the proxy to `upstream_url`, under the same prefix."""
    program = require_nginx()
    (port,) = free_ports(1)
    written = gateway.configuration(upstream_url, home, port=port, user=user)
    (home / "nginx.conf").write_text(written)
    process = subprocess.Popen(gateway.command(program, home))
    try:
        wait_until(lambda: is_listening(process, port, home))
        yield gateway.address(upstream_url, port)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def is_listening(process: subprocess.Popen[bytes], port: int, home: Path) -> bool:
    """Whether the proxy takes connections; fails with its log where it has ended."""
    assert process.poll() is None, (home / "error.log").read_text()
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
