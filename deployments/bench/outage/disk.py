"""A file system of bounded size for PostgreSQL's data, to be filled. Mounting takes root."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from blocks.errors import ProdOpsError
from deployments.bench.common.stack import say
from deployments.stack.postgres import Instance, instance_of
from deployments.stack.stack import Stack

_SIZE_MIB: Final = 2048
_BALLAST: Final = "ballast"
_CHUNK: Final = bytes(4096)


class CannotMount(ProdOpsError):
    """No file system can be mounted here; the message says why."""


class SmallDisk:
    """A mounted file system of bounded size."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ballast = path / _BALLAST

    def take(self, stack: Stack) -> None:
        """Move the data of the stack's PostgreSQL here, while that is stopped."""
        instance = instance_of(stack.settings)
        os.chown(self._path, instance.account.uid, instance.account.gid)
        stack.stop_part("postgres")
        instance.account.fork(lambda: _move(instance, self._path / "data")).wait()
        stack.start_part("postgres")

    def fill(self) -> None:
        """Leave no room."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(_CHUNK * self._free_blocks() or _CHUNK)
            except OSError as error:
                say(f"the disk is full: {error.strerror}")

    def make_room(self) -> None:
        """Give back what was filled."""
        self._ballast.unlink(missing_ok=True)

    def _free_blocks(self) -> int:
        found = os.statvfs(self._path)
        return min(1024, found.f_bavail * found.f_frsize // len(_CHUNK))


@contextmanager
def small_disk() -> Iterator[SmallDisk]:
    """A small file system, unmounted afterwards.

    Raises:
        CannotMount: It cannot be mounted, and why.
    """
    if os.geteuid() != 0:
        raise CannotMount("mounting a file system takes root")
    with tempfile.TemporaryDirectory(prefix="prodops-disk-", dir="/tmp") as place:
        Path(place).chmod(0o755)
        path = Path(place, "disk")
        path.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MIB}m,mode=700", "tmpfs", str(path)]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CannotMount(done.stderr.strip())
        try:
            yield SmallDisk(path)
        finally:
            subprocess.run(["umount", "--lazy", str(path)], check=True)


def _move(instance: Instance, to: Path) -> None:
    """Move the data and leave a link, as PostgreSQL's user."""
    shutil.copytree(instance.data, to)
    to.chmod(0o700)
    shutil.rmtree(instance.data)
    instance.data.symlink_to(to)
