"""Room and locks of the directories that prodops writes."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from deployments.doctor.findings import Condition
from deployments.doctor.subjects import disks

GIB = 1024**3


@pytest.mark.parametrize(
    ("free_gib", "inodes", "condition"),
    [
        (9, 10**6, Condition.OK),
        (3, 10**6, Condition.WARNING),
        (1, 10**6, Condition.PROBLEM),
        (9, 5, Condition.PROBLEM),
    ],
)
def test_room_is_compared_with_the_setting(monkeypatch, free_gib, inodes, condition):
    said = SimpleNamespace(
        f_bavail=free_gib * GIB, f_frsize=1, f_blocks=100 * GIB, f_files=10**7, f_favail=inodes
    )
    monkeypatch.setattr(disks.os, "statvfs", lambda _: said)
    found = disks.of_space("state", Path("/state"), 2 * GIB)
    assert (found.condition, bool(found.advice)) == (condition, condition is not Condition.OK)


def test_files_can_be_locked_here_and_leave_nothing(tmp_path: Path):
    assert disks.lockable(tmp_path).condition is Condition.OK
    assert list(tmp_path.iterdir()) == []


def test_a_directory_without_locks_is_a_problem(tmp_path: Path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(disks.fcntl, "flock", none)
    found = disks.lockable(tmp_path)
    assert (found.condition, "No locks available" in found.text) == (Condition.PROBLEM, True)
    assert "NFS" in found.advice
