"""A small file system that a test fills, empties and closes; mounting one takes root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

_CHUNK = bytes(64 * 1024)


@dataclass(frozen=True)
class SmallDisk:
    """The place of a mounted file system."""

    path: Path

    def spoil(self, how: str) -> str:
        """Let it be ``full`` or ``read-only``; gives what the system says of it."""
        if how == "full":
            self._fill()
            return "No space left on device"
        _mount("-o", "remount,ro", str(self.path))
        return "Read-only file system"

    def heal(self) -> None:
        """Let it be as it was."""
        _mount("-o", "remount,rw", str(self.path))
        self._filler.unlink(missing_ok=True)

    @property
    def _filler(self) -> Path:
        return self.path / "filler"

    def _fill(self) -> None:
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while file.write(_CHUNK):
                pass


@contextmanager
def small_disk(path: Path, *, mebibytes: int) -> Iterator[SmallDisk]:
    """Mount a file system of that size at the directory, which is made; skips where one cannot."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    path.mkdir(parents=True)
    if _mount("-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(path)):
        pytest.skip("this machine lets nobody mount a file system")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def _mount(*words: str) -> int:
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode
