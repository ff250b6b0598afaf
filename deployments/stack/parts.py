"""The parts of the stack: how each is started and stopped, and in what order."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployments.stack.environment import Zone, environment_of
from deployments.stack.leash import Spec
from flows.common.settings import Settings

NAMES = ("postgres", "panda", "prefect", "api", "relay", "worker", "scanner")
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
    """

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    stop_seconds: float
    priority: int
    stop_signal: str = "TERM"
    is_group_stopped: bool = True
    death_signal: int = signal.SIGKILL

    def spec(self, supervisor_pid: Path) -> Spec:
        """What the leash starts it from."""
        return Spec(
            name=self.name,
            argv=self.argv,
            environment=self.environment,
            death_signal=int(self.death_signal),
            parent=os.fspath(supervisor_pid),
        )


def parts_of(settings: Settings, given: Mapping[str, str]) -> tuple[Part, ...]:
    """The parts that these settings ask for, in the order of their start.

    Raises:
        BadSetting: The database's URL holds a password.
    """
    parts = [
        _part("api", Zone.WEB, settings, given),
        _part("relay", Zone.OPS, settings, given),
        _worker(settings, given),
    ]
    if settings.database.url is None:
        parts.append(_postgres(settings, given))
    if settings.prefect.api_url is None:
        parts.append(_part("prefect", Zone.SERVER, settings, given))
    if settings.sandbox.panda:
        parts.append(_part("panda", Zone.SERVER, settings, given))
    if settings.fastmon.watch_dirs:
        parts.append(_part("scanner", Zone.OPS, settings, given))
    return tuple(sorted(parts, key=lambda part: part.priority))


def _part(name: str, zone: Zone, settings: Settings, given: Mapping[str, str]) -> Part:
    return Part(
        name=name,
        argv=command(name),
        environment=environment_of(zone, settings, given),
        stop_seconds=settings.stack.stop_seconds,
        priority=_priority(name),
    )


def _postgres(settings: Settings, given: Mapping[str, str]) -> Part:
    return Part(
        name="postgres",
        argv=command("postgres"),
        environment=environment_of(Zone.SERVER, settings, given),
        stop_seconds=settings.stack.stop_seconds,
        priority=_priority("postgres"),
        stop_signal="INT",  # PostgreSQL's fast shutdown; TERM would wait for its clients
        death_signal=signal.SIGQUIT,  # it takes its backends with it
    )


def _worker(settings: Settings, given: Mapping[str, str]) -> Part:
    return Part(
        name="worker",
        argv=command("worker"),
        environment=environment_of(Zone.OPS, settings, given),
        stop_seconds=settings.worker.drain_seconds + settings.stack.stop_seconds,
        priority=_priority("worker"),
        is_group_stopped=False,  # it drains: what it runs is its own to stop
    )


def command(name: str) -> tuple[str, ...]:
    """The argument vector of a command of prodops."""
    return (sys.executable, "-m", "deployments.cli", name)


def _priority(name: str) -> int:
    return 10 * (NAMES.index(name) + 1)
