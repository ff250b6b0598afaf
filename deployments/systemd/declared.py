"""The parts that get a unit: whose each is, how it stops, and what the watchdog allows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from flows.common.settings import GROUPS


class Side(StrEnum):
    """Whose a part is: the operations' or the web's."""

    OPS = "ops"
    WEB = "web"


@dataclass(frozen=True, kw_only=True)
class UnitPart:
    """A part that systemd runs.

    Attributes:
        name: The command `prodops NAME` that runs it.
        description: What `systemctl status` says that it is.
        side: Whose it is.
        after: Parts that are started before it, where they are of the site.
        watchdog_seconds: How long its work may make no progress; above the longest of its rounds,
            whose calls all have their own time limits.
        start_seconds: How long it may take to start; it asks for more while it waits.
        stop_seconds: How long it may take to end.
        is_publishing: Whether it writes the public directory.
        open_files: How many it may have open.
        has_network_list: Whether what it calls lists the machine's network interfaces.
        extra: Further lines of its section `[Service]`.
    """

    name: str
    description: str
    side: Side = Side.OPS
    after: tuple[str, ...] = ()
    watchdog_seconds: int = 180
    start_seconds: int = 180
    stop_seconds: int = 30
    is_publishing: bool = False
    open_files: int = 16_384
    has_network_list: bool = False
    extra: tuple[str, ...] = ()


def _default(group: str, name: str) -> float:
    return float(GROUPS[group].model_fields[name].default)


_STOP_SECONDS: Final = round(_default("stack", "stop_seconds"))
_DRAIN_SECONDS: Final = round(_default("worker", "drain_seconds"))

PARTS: Final = (
    UnitPart(
        name="prefect",
        description="Prefect server",
        stop_seconds=15 + _STOP_SECONDS,
    ),
    UnitPart(
        name="api",
        description="web tier: REST, pages and the stream",
        side=Side.WEB,
        watchdog_seconds=120,
        stop_seconds=15 + _STOP_SECONDS,
        open_files=65_536,  # each client of the stream takes one
    ),
    UnitPart(
        name="relay",
        description="relay of Prefect's state changes",
        after=("prefect",),
        watchdog_seconds=300,  # above two calls of Prefect that are not answered
    ),
    UnitPart(
        name="worker",
        description="warm worker: claims requests, runs flows",
        after=("prefect",),
        watchdog_seconds=300,
        stop_seconds=_DRAIN_SECONDS + _STOP_SECONDS + 30,
        is_publishing=True,
        has_network_list=True,  # XRootD's client does
        extra=("OOMPolicy=continue",),  # a run that took too much memory ends alone
    ),
    UnitPart(name="bridge", description="bridge to the message bus", stop_seconds=60),
    UnitPart(name="notifier", description="notifier", stop_seconds=60),
    UnitPart(name="scanner", description="scan of the watched directories", watchdog_seconds=900),
)
"""Every part that has a unit, in the order of their start; PostgreSQL is the system's own."""

NAMES: Final = tuple(part.name for part in PARTS)
"""Their names."""
