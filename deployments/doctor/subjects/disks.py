"""The disks: room, whether locks work there, and who may read what is published."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from blocks.errors import ProdOpsError
from deployments.doctor.findings import Check, Finding, ok, problem, warning
from deployments.doctor.site import Side, Site
from deployments.stack.postgres import instance_of
from flows.common.settings import Settings

_GIB: Final = 1024**3
_LEAST_INODES: Final = 10_000
_ROOM: Final = "make room there, or shorten what is kept (docs/reference/settings.md, `_DAYS`)"
_CACHE: Final = "lower PRODOPS_PAYLOAD_LOGS_CACHE_BYTES, or give the disk more room"
_LOCKS: Final = "put PRODOPS_TMP_DIR on a local disk, or on NFS 4 with locks (not `nolock`)"


def _space(site: Site) -> Iterator[Finding]:
    seen: set[int] = set()
    for name, path in directories(site).items():
        there = _existing(path)
        device = there.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        yield of_space(name, there, site.settings.stack.least_free_bytes)
    if site.side is Side.OPS:
        yield _of_cache(site.settings)


def directories(site: Site) -> Mapping[str, Path]:
    """Where prodops writes, by what it writes there."""
    configured = site.settings
    found = {"published files": configured.stack.tmp_dir}
    if site.side is Side.OPS:
        found = {"state": configured.stack.state_dir, **found}
        with suppress(ProdOpsError):
            found["database"] = instance_of(configured).data
    return found


def _existing(path: Path) -> Path:
    """The path, or the nearest above it that is there: on that disk it will be made."""
    return next((each for each in (path, *path.parents) if each.is_dir()), Path("/"))


def of_space(name: str, path: Path, least_bytes: int) -> Finding:
    """How much room there is on the disk of a directory."""
    found = os.statvfs(path)
    free = found.f_bavail * found.f_frsize
    text = f"{path}: {free / _GIB:.1f} GiB free of {found.f_blocks * found.f_frsize / _GIB:.1f}"
    least = f"at least {least_bytes / _GIB:.1f} GiB (PRODOPS_STACK_LEAST_FREE_BYTES)"
    if found.f_files and found.f_favail < _LEAST_INODES:
        return problem(f"{path}: only {found.f_favail} inodes are free", _ROOM, about=name)
    if free < least_bytes:
        return problem(f"{text}, and it takes {least}", _ROOM, about=name)
    if free < 2 * least_bytes:
        return warning(f"{text}, and it takes {least}", _ROOM, about=name)
    return ok(text, about=name)


def _of_cache(configured: Settings) -> Finding:
    """Whether what the cache of payload logs may still grow to has room."""
    public, most = _existing(configured.stack.tmp_dir), configured.payload_logs.cache_bytes
    found = os.statvfs(public)
    size = found.f_blocks * found.f_frsize
    text = f"payload logs may take {most / _GIB:.0f} GiB of the {size / _GIB:.0f} GiB at {public}"
    about = "cache of payload logs"
    return warning(text, _CACHE, about=about) if most > size else ok(text, about=about)


# ------------------------------------------------------------------ what is published


def _published(site: Site) -> Iterator[Finding]:
    public = site.settings.stack.tmp_dir
    if not public.is_dir():
        advice = "the ops side makes it when it first publishes; if it has, correct PRODOPS_TMP_DIR"
        yield warning(f"{public} is not there", advice)
        return
    if site.side is Side.WEB:
        yield _readable(public)
        return
    if not stat.S_IMODE(public.stat().st_mode) & stat.S_IROTH:
        advice = f"`chmod o+rx {public}`, or let both users be in its group"
        yield warning(f"{public} may not be read by others, as by the web tier's user", advice)
    yield lockable(public)


def _readable(public: Path) -> Finding:
    if os.access(public, os.R_OK | os.X_OK):
        return ok(f"{public} can be read")
    advice = f"on the ops side: `chmod o+rx {public}`, and o+x on every directory above it"
    return problem(f"{public} cannot be read by this user: logs cannot be shown", advice)


def lockable(directory: Path) -> Finding:
    """Whether a file there can be locked: workers agree by locks on who writes what."""
    try:
        with tempfile.TemporaryFile(dir=directory, prefix=".doctor-") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return problem(f"{directory}: no file can be locked there: {error.strerror}", _LOCKS)
    return ok(f"{directory}: files can be written and locked")


CHECKS = (
    Check(
        name="disk",
        summary="room on the disks of the state, of what is published, and of the database",
        look=_space,
        needs=("settings",),
    ),
    Check(
        name="published",
        summary="whether what is published can be written, locked and read",
        look=_published,
        needs=("settings",),
    ),
)
