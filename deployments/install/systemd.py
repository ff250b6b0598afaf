"""The units of an installation, and what of systemd has to be told of them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deployments.install import files
from deployments.install.options import Options
from deployments.install.owners import current
from deployments.install.steps import Finding, Step
from deployments.systemd.site import Site, Zone
from deployments.systemd.units import target_name
from flows.common.settings import BadSetting

UNIT = "unit "
"""What the key of a unit's step begins with."""
_MODE = 0o644
_RUNNING = Path("/run/systemd/system")
_SYSTEM = Path("/etc/systemd/system")


@dataclass(frozen=True)
class Unit(Step):
    """A unit file; it is ours alone: what an operator changes belongs in a drop-in."""

    path: Path
    content: str
    is_data = False

    @property
    def key(self) -> str:
        """Its path."""
        return f"{UNIT}{self.path}"

    def look(self) -> Finding:
        """Compare it with what this version writes."""
        if files.regular(self.path) is None:
            return Finding.MAKE
        is_done = self.path.read_text() == self.content
        return Finding.DONE if is_done else Finding.CHANGE

    def do(self) -> None:
        """Write it."""
        files.write(self.path, self.content, current(), _MODE)

    def undo(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class FormerUnit(Unit):
    """A unit that we made, of a part that gets none any more."""

    content: str = ""

    def look(self) -> Finding:
        """It goes."""
        return Finding.REMOVE

    def do(self) -> None:
        """Remove it."""
        self.undo()


def site(options: Options) -> Site:
    """What the units are rendered from."""
    places = options.places
    return Site(
        bin_dir=program().parent,
        ops=Zone(
            user=options.ops_user,
            group=options.ops.group,
            environment_file=places.ops_env,
            state_dir=places.ops_state,
            private_dirs=(places.ops_etc,),
        ),
        web=Zone(
            user=options.web_user,
            group=options.web.group,
            environment_file=places.web_env,
            state_dir=places.web_state,
            private_dirs=(places.web_etc,),
        ),
        parts=options.parts,
        public_dir=places.public,
        readable_dirs=code_directories(),
    )


def program() -> Path:
    """The `prodops` of the environment that runs this, which the units start."""
    return Path(sys.prefix) / "bin" / "prodops"


def code_directories() -> tuple[Path, ...]:
    """What the parts are run from: the environment, its Python, and our own packages."""
    ours = Path(__file__).resolve().parents[2]
    return tuple(dict.fromkeys((Path(sys.prefix), Path(sys.base_prefix), ours)))


def is_managed(units: Path) -> bool:
    """Whether systemd runs here and reads the units of that directory."""
    return units == _SYSTEM and _RUNNING.is_dir() and os.geteuid() == 0


def reload() -> None:
    """Have systemd read its units again."""
    _systemctl("daemon-reload")


def is_active(options: Options) -> bool:
    """Whether the parts were started, and not stopped."""
    return _systemctl("is-active", "--quiet", target_name(site(options)), is_checked=False) == 0


def stop(options: Options) -> None:
    """Stop every part, and start none at boot any more."""
    _systemctl("disable", "--now", "--quiet", target_name(site(options)))


def _systemctl(*arguments: str, is_checked: bool = True) -> int:
    asked = ["systemctl", *arguments]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if is_checked and done.returncode != 0:
        raise BadSetting(f"`{' '.join(asked)}` failed: {' '.join(done.stderr.split())}")
    return done.returncode
