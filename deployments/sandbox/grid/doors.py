"""The doors: XRootD servers over a directory each, one that asks for proxies and one that is open.

Where XRootD's server is not installed, the doors are the directories themselves: ``file://``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deployments import parent_death
from deployments.sandbox.files import write_private
from deployments.sandbox.grid.certificates import USERS, Certificates, subject_of
from deployments.sandbox.grid.programs import has_doors, xrootd_program
from deployments.stack.accounts import Account, claim, database_account, own_directory
from deployments.stack.layout import Layout, private_directory
from flows.common.settings import Settings

GUARDED, OPEN = "door", "door-open"
_SOCKET_LIMIT_BYTES = 100
HOST = "localhost"
_OWN_PREFIX = {"BNL-XRD": (GUARDED, "eic"), "EIC-XRD": (OPEN, "eic")}
_WRITE = 'mkdir -p "$(dirname "$1")" && cat >"$1.part" && mv -f "$1.part" "$1"'
_CONFIGURATION = """\
all.role server
all.export /
all.adminpath {admin}
all.pidpath {admin}
oss.localroot {data}
xrd.port {port}
xrd.network nodnr
xrd.allow host 127.0.0.1
xrd.allow host localhost
xrootd.async off
xrootd.chksum max 2 adler32 md5 crc32c
"""
_GUARD = """\
xrootd.seclib libXrdSec.so
sec.protocol gsi -certdir:{directory}/ca -cert:{directory}/host.pem -key:{directory}/host.key \
-gridmap:{directory}/gridmap -crl:0 -gmapopt:1 -dlgpxy:0
sec.protbind * only gsi
acc.authdb {directory}/authdb
ofs.authorize
"""


@dataclass(frozen=True)
class Door:
    """One door: its port, and the directory whose ``data`` it serves.

    As root the directory is another user's, since XRootD, like PostgreSQL, does not run as root.
    """

    name: str
    port: int
    account: Account
    directory: Path
    is_file: bool = False

    @property
    def data(self) -> Path:
        """What the door serves, as ``/``."""
        return self.directory / "data"

    @property
    def admin(self) -> Path:
        """Where XRootD keeps its sockets; elsewhere when their paths would be too long."""
        beside = self.directory / "admin"
        if len(os.fsencode(beside / self.name / ".xrd" / "admin")) <= _SOCKET_LIMIT_BYTES:
            return beside
        digest = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]
        return Path(f"/tmp/prodops-{self.account.uid}-{digest}")  # noqa: S108 - made private

    @property
    def is_guarded(self) -> bool:
        """Whether it asks for a proxy."""
        return self.name == GUARDED

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of the door's user, whole or not at all."""
        self.claim()
        other = None if self.account.is_current else self.account
        subprocess.run(
            ["/bin/sh", "-c", _WRITE, "sh", os.fspath(path)],
            input=content,
            check=True,
            umask=0o022,
            user=other.uid if other else None,
            group=other.gid if other else None,
            extra_groups=[] if other else None,
        )

    def claim(self) -> None:
        """Make the doors' directory, as its user, or see that it is safely that user's."""
        self.account.fork(lambda: claim(self.directory.parent, self.account)).wait()


def doors_of(settings: Settings) -> dict[str, Door]:
    """The doors of these settings, by name; nothing is made.

    Raises:
        PostgresUnusable: This is root, and there is no unprivileged user to run them.
    """
    account = database_account(settings.database.os_user)
    base = _base(settings, account)
    ports = {GUARDED: settings.sandbox.door_port, OPEN: settings.sandbox.door_open_port}
    is_file = not has_doors(settings)
    return {name: Door(name, port, account, base / name, is_file) for name, port in ports.items()}


def place_of(rse: str) -> tuple[str, str]:
    """The door of an RSE and its directory there; an RSE that has no door of its own is open."""
    return _OWN_PREFIX.get(rse, (OPEN, rse))


def rse_type(rse: str) -> str:
    """DISK, or TAPE where the name says so."""
    return "TAPE" if "TAPE" in rse else "DISK"


def protocol_of(rse: str, doors: dict[str, Door]) -> dict[str, object]:
    """The RSE's protocol as Rucio holds it: PFN = prefix + name, with XRootD's double slashes."""
    name, folder = place_of(rse)
    door = doors[name]
    everywhere = {"read": 1, "write": 1, "delete": 1}
    protocol = {"domains": {"lan": everywhere, "wan": everywhere}, "hostname": HOST}
    if door.is_file:
        impl = "rucio.rse.protocols.posix.Default"
        return protocol | {
            "scheme": "file", "port": 0, "prefix": f"{door.data / folder}/", "impl": impl,
        }  # fmt: skip
    impl = "rucio.rse.protocols.xrootd.Default"
    return protocol | {"scheme": "root", "port": door.port, "prefix": f"//{folder}/", "impl": impl}


def remove_doors(settings: Settings) -> None:
    """Remove what the doors keep outside the state directory."""
    doors = doors_of(settings).values()
    bases = {door.directory.parent for door in doors if not door.account.is_current}
    for made in bases | {door.admin for door in doors}:
        if made.exists():
            shutil.rmtree(made)


def run(settings: Settings, name: str, certificates: Certificates) -> NoReturn:
    """Prepare the door, then become its server (SIGTERM stops it)."""
    door = doors_of(settings)[name]
    program = xrootd_program()
    if program is None:
        raise SystemExit("xrootd is not installed")
    guard = _guard_files(certificates) if door.is_guarded else {}
    door.claim()
    death_signal, parent = parent_death.death_signal(), os.getppid()
    door.account.become()
    if death_signal:  # the kernel forgets it when the user changes
        parent_death.die_with_parent(parent, death_signal)
    _prepare(door, guard)
    os.chdir(door.directory)
    environment = {"PATH": "/usr/bin:/bin", "HOME": os.fspath(door.directory), "LC_ALL": "C.UTF-8"}
    os.execve(  # noqa: S606 - no shell is wanted
        program, [program, "-c", os.fspath(door.directory / "xrootd.cfg"), "-n", name], environment
    )


def _guard_files(certificates: Certificates) -> dict[str, bytes]:
    """What a guarded door keeps beside its data; its user may not read what these come from."""
    return {
        **{f"ca/{path.name}": path.read_bytes() for path in certificates.ca_dir.iterdir()},
        "host.pem": certificates.host.read_bytes(),
        "host.key": certificates.host_key.read_bytes(),
        "gridmap": f'"{subject_of(USERS[0])}" {USERS[0]}\n'.encode(),
        "authdb": f"u {USERS[0]} / a\n".encode(),
    }


def _prepare(door: Door, guard: Mapping[str, bytes]) -> None:
    for directory in (door.directory, door.data):
        directory.mkdir(mode=0o755, exist_ok=True)
    private_directory(door.admin)
    text = _CONFIGURATION.format(admin=door.admin, data=door.data, port=door.port)
    text += _GUARD.format(directory=door.directory) if guard else ""
    (door.directory / "xrootd.cfg").write_text(text)
    for name, content in guard.items():
        write_private(door.directory / name, content)
        (door.directory / name).chmod(0o400)  # XRootD takes no other mode of the key


def _base(settings: Settings, account: Account) -> Path:
    layout = Layout(settings.stack.state_dir)
    if account.is_current:
        return layout.sandbox("doors")
    return own_directory(account) / f"{layout.digest}-doors"
