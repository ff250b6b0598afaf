"""The unit files of a site: one per part, and a target that starts and stops them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from blocks.errors import NotFound
from deployments.stack.environment import FIXED
from deployments.stack.parts import EXIT_DELIBERATE
from deployments.systemd.declared import NAMES, PARTS, Side, UnitPart
from deployments.systemd.site import Site, Zone
from flows.common.settings import BadSetting

_STAY_DOWN: Final = f"{BadSetting.exit_code} {EXIT_DELIBERATE}"

_HARDENING: Final = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "PrivateDevices=yes",
    "ProtectProc=invisible",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged",
    "SystemCallErrorNumber=EPERM",
    "KeyringMode=private",
    "UMask=0077",
    "LimitCORE=1",  # as in deployments/core_dumps.py
)
"""What no part needs. A core dump would hold secrets; public files get their modes when made."""


def units(site: Site) -> Mapping[str, str]:
    """The unit files of the site: their texts by their names.

    Raises:
        NotFound: The site names a part that there is not.
    """
    unknown = set(site.parts) - set(NAMES)
    if unknown:
        raise NotFound(f"no part is called {min(unknown)!r}; the parts are {', '.join(NAMES)}")
    wanted = [part for part in PARTS if part.name in site.parts]
    files = {unit_name(site, part.name): _text(_service(site, part)) for part in wanted}
    return files | {target_name(site): _text(_target(site))}


def unit_name(site: Site, part: str) -> str:
    """The name of a part's unit."""
    return f"{site.name}-{part}.service"


def target_name(site: Site) -> str:
    """The name of the target, which is started at boot, and with it every part."""
    return f"{site.name}.target"


def _target(site: Site) -> Iterator[tuple[str, Sequence[str]]]:
    wanted = " ".join(unit_name(site, name) for name in NAMES if name in site.parts)
    yield "Unit", ("Description=prodops: every part of this machine", f"Wants={wanted}")
    yield "Install", ("WantedBy=multi-user.target",)


def _service(site: Site, part: UnitPart) -> Iterator[tuple[str, Sequence[str]]]:
    before = [unit_name(site, name) for name in part.after if name in site.parts]
    yield (
        "Unit",
        (
            f"Description=prodops {part.description}",
            f"PartOf={target_name(site)}",
            "Wants=network-online.target",
            f"After={' '.join(['network-online.target', 'postgresql.service', *before])}",
            # An outage may last for days; what no restart cures ends with a status of its own.
            "StartLimitIntervalSec=0",
        ),
    )
    yield "Service", (*_process(site, part), *_directories(site, part), *_limits(part))
    yield "Install", (f"WantedBy={target_name(site)}",)


def _process(site: Site, part: UnitPart) -> Iterator[str]:
    zone = _zone(site, part)
    yield "Type=notify"
    yield "NotifyAccess=main"
    yield f"WatchdogSec={part.watchdog_seconds}"
    yield f"User={zone.user}"
    yield f"Group={zone.group}"
    yield f"WorkingDirectory={zone.state_dir}"
    yield from (f"Environment={name}={value}" for name, value in FIXED.items())
    yield "Environment=PYTHONFAULTHANDLER=1"  # the watchdog's SIGABRT shows where each thread is
    yield f"EnvironmentFile={zone.environment_file}"
    yield f"ExecStart={site.bin_dir}/prodops {part.name}"
    yield f"SyslogIdentifier={site.name}-{part.name}"
    yield "Restart=always"
    yield "RestartSec=5"
    yield f"RestartPreventExitStatus={_STAY_DOWN}"
    yield f"SuccessExitStatus={EXIT_DELIBERATE}"
    yield f"TimeoutStartSec={part.start_seconds}"
    yield f"TimeoutStopSec={part.stop_seconds}"
    yield "KillMode=mixed"  # what a part has started is its own to stop
    yield from part.extra


def _directories(site: Site, part: UnitPart) -> Iterator[str]:
    yield f"ReadWritePaths={_paths(_written(site, part))}"
    if part.side is Side.WEB:
        hidden = (site.ops.state_dir, *site.ops.private_dirs, site.ops.environment_file)
        yield f"InaccessiblePaths={_paths(hidden)}"
    yield f"ProtectHome={'read-only' if site.is_within('/home', '/root', '/run/user') else 'yes'}"
    yield f"PrivateTmp={'no' if site.is_within('/tmp', '/var/tmp') else 'yes'}"  # noqa: S108 - no file is made there


def _written(site: Site, part: UnitPart) -> Iterator[Path]:
    yield _zone(site, part).state_dir
    if part.side is Side.OPS:
        yield from site.writable_dirs
    if part.is_publishing and site.public_dir is not None:
        yield site.public_dir


def _limits(part: UnitPart) -> Iterator[str]:
    families = "AF_UNIX AF_INET AF_INET6"
    yield f"RestrictAddressFamilies={families}{' AF_NETLINK' if part.has_network_list else ''}"
    yield f"LimitNOFILE={part.open_files}"
    # Directories of payload logs are set-group-ID, so that what is put there keeps their group.
    yield f"RestrictSUIDSGID={'no' if part.is_publishing else 'yes'}"
    yield from _HARDENING


def _zone(site: Site, part: UnitPart) -> Zone:
    return site.web if part.side is Side.WEB else site.ops


def _paths(paths: Iterator[Path] | Sequence[Path]) -> str:
    """As systemd takes them; one that is not there hinders no start."""
    return " ".join(f"-{path}" for path in paths)


def _text(sections: Iterator[tuple[str, Sequence[str]]]) -> str:
    written = [f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections]
    return "\n".join(written)
