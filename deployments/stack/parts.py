"""The parts of the stack: how each is started and stopped, and in what order."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deployments.sandbox.broker.programs import require_programs
from deployments.sandbox.grid.programs import has_doors, nginx_program
from deployments.stack.child import Spec
from deployments.stack.environment import Zone, environment_of
from flows.common.settings import BadSetting, Settings

GRID = ("rucio", "door", "door-open", "gateway")
"""The parts of the sandbox's grid."""

BROKER = "broker"
"""The part that is the sandbox's message broker."""

BRIDGE = "bridge"
"""The part that takes from the message bus, and publishes to it."""

NOTIFIER = "notifier"
"""The part that tells people what happened."""

EXIT_DELIBERATE = 100
"""The status of what ended because it was asked to by the bus: it is not started again.

Source: ops contract section 6.1.
"""

SANDBOX = ("postgres", "panda", *GRID, BROKER)
"""The parts of a sandbox without the stack."""

NAMES = (
    "postgres", "panda", *GRID, BROKER, "prefect", "api", "relay", "worker", BRIDGE, NOTIFIER,
    "scanner",
)  # fmt: skip
"""Every part that there can be, in the order of their start."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process that the stack keeps alive.

    Attributes:
        name: Its name in logs, status and commands.
        argv: Its command, an argument vector.
        environment: Its whole environment.
        stop_signal: What asks it to end.
        stop_seconds: How long it may take to end before it is killed.
        priority: Its place in the order of stopping: the highest stops first.
        is_group_stopped: Whether its children get the stop signal too, or are its own to stop.
        death_signal: What it gets when supervisord is lost.
        final_exit_code: The status with which it ends for good, and the whole stack with it.
        directory: Where it works; None: in the state directory.
    """

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    stop_seconds: float
    priority: int
    stop_signal: str = "TERM"
    is_group_stopped: bool = True
    death_signal: int = signal.SIGKILL
    final_exit_code: int | None = None
    directory: str | None = None

    def spec(self, supervisor_pid: Path) -> Spec:
        """What `deployments.stack.child` starts it from."""
        return Spec(
            name=self.name,
            argv=self.argv,
            environment=self.environment,
            death_signal=int(self.death_signal),
            parent=os.fspath(supervisor_pid),
            directory=self.directory,
        )


def parts_of(settings: Settings, given: Mapping[str, str]) -> tuple[Part, ...]:
    """The parts that these settings ask for, in the order of their start.

    Raises:
        BadSetting: The database's URL holds a password, the sandbox's grid has no database, or the
            sandbox's message broker is not installed.
    """
    parts = [
        _part("api", Zone.WEB, settings, given),
        _part("relay", Zone.OPS, settings, given),
        replace(
            _part("worker", Zone.OPS, settings, given),
            stop_seconds=settings.worker.drain_seconds + settings.stack.stop_seconds,
            is_group_stopped=False,  # it drains: what it runs is its own to stop
        ),
        replace(
            _part(NOTIFIER, Zone.OPS, settings, given),
            stop_seconds=settings.notifications.timeout_seconds + settings.stack.stop_seconds,
            is_group_stopped=False,  # a delivery that it has begun comes to its end
        ),
    ]
    if settings.database.url is None:
        postgres = replace(
            _part("postgres", Zone.SERVER, settings, given),
            stop_signal="INT",  # PostgreSQL's fast shutdown; TERM would wait for its clients
            death_signal=signal.SIGQUIT,  # it takes its backends with it
        )
        parts.append(postgres)
    if settings.prefect.api_url is None:
        parts.append(_part("prefect", Zone.SERVER, settings, given))
    if settings.sandbox.panda:
        parts.append(_part("panda", Zone.SERVER, settings, given))
    if settings.sandbox.grid:
        parts += [_of_grid(name, settings, given) for name in grid_parts(settings)]
    if settings.sandbox.broker:
        parts.append(_broker(settings, given))
    if settings.sandbox.broker or settings.bus.is_used:
        bridge = _part(BRIDGE, Zone.OPS, settings, given)
        parts.append(replace(bridge, final_exit_code=EXIT_DELIBERATE))
    if settings.fastmon.watch_dirs:
        parts.append(_part("scanner", Zone.OPS, settings, given))
    return tuple(sorted(parts, key=lambda part: part.priority))


def _part(name: str, zone: Zone, settings: Settings, given: Mapping[str, str]) -> Part:
    return Part(
        name=name,
        argv=command(name),
        environment=environment_of(zone, settings, given),
        stop_seconds=settings.stack.stop_seconds,
        priority=10 * (NAMES.index(name) + 1),
    )


def grid_parts(settings: Settings) -> tuple[str, ...]:
    """The parts of the sandbox's grid that this machine has the programs for.

    Raises:
        BadSetting: The database is not the stack's own, in which Rucio has its place.
    """
    if settings.database.url is not None:
        raise BadSetting(
            "setting PRODOPS_SANDBOX_GRID=true: Rucio's database is in the embedded PostgreSQL, "
            "so PRODOPS_DATABASE_URL must be unset"
        )
    present = ["rucio"]
    present += ["door", "door-open"] if has_doors(settings) else []
    present += ["gateway"] if nginx_program() else []
    return tuple(present)


def _of_grid(name: str, settings: Settings, given: Mapping[str, str]) -> Part:
    part = _part(name, Zone.WEB if name == "gateway" else Zone.SERVER, settings, given)
    kept = {key: os.environ[key] for key in ("XDG_CACHE_HOME",) if key in os.environ}
    kept["PRODOPS_SANDBOX_GATEWAY_PORT"] = str(settings.sandbox.gateway_port)
    argv = (sys.executable, "-m", "deployments.sandbox.grid", name)
    return replace(part, argv=argv, environment=part.environment | kept)


def _broker(settings: Settings, given: Mapping[str, str]) -> Part:
    require_programs("setting PRODOPS_SANDBOX_BROKER=true")
    argv = (sys.executable, "-m", "deployments.sandbox.broker")
    return replace(_part(BROKER, Zone.SERVER, settings, given), argv=argv)


def command(*arguments: str) -> tuple[str, ...]:
    """The argument vector of a command of prodops."""
    return (sys.executable, "-m", "deployments.cli", *arguments)
