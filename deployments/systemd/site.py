"""Where an installation stands: what its units are rendered from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from flows.common.settings import BadSetting

_PLAIN_PATH: Final = re.compile(r"/[\w.,:@+=/-]*", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,30}")


class BadSite(BadSetting):
    """No units can be rendered for a site like this."""


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One of the two sides of an installation: the operations, or the web.

    Attributes:
        user: OS user of its parts.
        group: OS group of its parts.
        environment_file: File of its settings, `NAME=value` lines.
        state_dir: `PRODOPS_STATE_DIR`; its parts may write there.
        private_dirs: Further directories that the other zone may not look into.
    """

    user: str
    group: str
    environment_file: Path
    state_dir: Path
    private_dirs: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Site:
    """An installation.

    Attributes:
        bin_dir: The `bin` of the environment that prodops is installed in.
        ops: The operations' side, which has the credentials.
        web: The web tier's side.
        parts: Names of the parts that get units, of `deployments.systemd.declared.NAMES`.
        public_dir: `PRODOPS_TMP_DIR`, which the worker writes and the web tier reads.
        writable_dirs: Further directories that the operations' parts may write.
        readable_dirs: Further directories that they read, such as the scanner's.
        name: What the units' names begin with; several sites on one machine each have their own.

    Raises:
        BadSite: A path or name cannot stand in a unit, or the web's files are in the ops side's.
    """

    bin_dir: Path
    ops: Zone
    web: Zone
    parts: tuple[str, ...]
    public_dir: Path | None = None
    writable_dirs: tuple[Path, ...] = ()
    readable_dirs: tuple[Path, ...] = ()
    name: str = field(default="prodops")

    def __post_init__(self) -> None:
        for path in self.paths():
            _require_plain(path)
        for name in (self.name, *_names(self.ops), *_names(self.web)):
            if not _NAME.fullmatch(name):
                raise BadSite(f"{name!r} is no name of a user, a group or units: {_NAME.pattern}")
        self._require_separate()

    def paths(self) -> Iterator[Path]:
        """Every path of the site."""
        yield self.bin_dir
        for zone in (self.ops, self.web):
            yield from (zone.environment_file, zone.state_dir, *zone.private_dirs)
        if self.public_dir is not None:
            yield self.public_dir
        yield from (*self.writable_dirs, *self.readable_dirs)

    def is_within(self, *tops: str) -> bool:
        """Whether any path of the site is in one of these directories."""
        return any(path.is_relative_to(top) for path in self.paths() for top in tops)

    def _require_separate(self) -> None:
        """See that what the web tier needs is not in a directory that it may not look into."""
        needed = [self.bin_dir, self.web.state_dir]
        needed += [self.public_dir] if self.public_dir is not None else []
        for private in (self.ops.state_dir, *self.ops.private_dirs):
            for path in needed:
                if path.is_relative_to(private):
                    raise BadSite(f"{path} is for the web tier, which may not look into {private}")


def _names(zone: Zone) -> tuple[str, str]:
    return zone.user, zone.group


def _require_plain(path: Path) -> None:
    if not _PLAIN_PATH.fullmatch(str(path)) or ".." in path.parts:
        raise BadSite(
            f"{str(path)!r} cannot stand in a unit of systemd: a path is absolute, "
            "of letters, digits and . , : @ + = / - _ alone"
        )
