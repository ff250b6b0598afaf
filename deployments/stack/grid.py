"""The sandbox's grid as the stack starts it: what is made first, and when a part is ready."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping

from deployments.sandbox.grid.access import rucio_ca, rucio_url
from deployments.sandbox.grid.server_environment import is_installed
from deployments.stack.errors import failed_to_start
from deployments.stack.ports import ports_of
from deployments.stack.readiness import answers, listens
from deployments.stack.watch import Happening, Kind, Listener
from flows.common.settings import PREFIX, Settings


def prepare(settings: Settings, environment: Mapping[str, str], listener: Listener) -> None:
    """Make the grid's files, and the Rucio server's environment where there is none.

    A process of its own: what it imports would stay in `prodops up`.

    Raises:
        PartFailed: The Rucio server could not be installed.
    """
    if not is_installed():
        listener(Happening(Kind.INSTALLING, "rucio"))
    # with what this process knows of registries and of who signs for them
    known = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    done = subprocess.run(
        [sys.executable, "-m", "deployments.sandbox.grid", "prepare"],
        env=known | dict(environment),
        cwd=settings.stack.state_dir,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise failed_to_start("rucio", done.returncode, done.stderr)


def readiness(settings: Settings, part: str) -> Callable[[], bool]:
    """What tells whether a part of the grid does its work."""
    if part == "rucio":
        alive, ca_file = f"{rucio_url(settings)}/ping", rucio_ca(settings)
        return lambda: answers(alive, ca_file=ca_file)
    (port,) = ports_of(settings, [part])
    return lambda: listens(port.number)
