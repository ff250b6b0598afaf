"""Directories and files that root writes: with owner and mode, never through a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from deployments.install import files
from deployments.install.files import Directory, Secret
from deployments.install.owners import Owner, current
from deployments.install.steps import Finding, InTheWay
from tests.support.small_disk import small_disk


def a_secret(path: Path) -> Secret:
    return Secret(path, current(), lambda: "x")


def a_directory(path: Path) -> Directory:
    return Directory(path, current(), 0o700)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_modes_are_what_is_written_whatever_the_umask_is(tmp_path: Path):
    Directory(tmp_path / "open", current(), 0o755).do()
    Secret(tmp_path / "open/secret", current(), lambda: "x").do()
    assert mode_of(tmp_path / "open") == 0o755
    assert mode_of(tmp_path / "open/secret") == 0o600


def test_a_secret_is_made_once(tmp_path: Path):
    secret = Secret(tmp_path / "secret", current(), files.random_secret)
    assert secret.look() is Finding.MAKE
    secret.do()
    made = secret.path.read_text()
    assert secret.look() is Finding.DONE
    secret.do()
    assert secret.path.read_text() == made


@pytest.mark.parametrize(
    "step",
    [
        lambda path: Secret(path, current(), lambda: "x"),
        lambda path: Directory(path, current(), 0o700),
    ],
)
def test_a_link_in_the_way_is_named_and_not_followed(tmp_path: Path, step):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(InTheWay, match="is a symbolic link"):
        step(tmp_path / "link").look()
    with pytest.raises((InTheWay, OSError)):
        step(tmp_path / "link").do()
    assert not (tmp_path / "target").exists()


def test_a_file_with_another_name_is_no_secret(tmp_path: Path):
    (tmp_path / "mine").write_text("x")
    (tmp_path / "secret").hardlink_to(tmp_path / "mine")
    with pytest.raises(InTheWay, match="several names"):
        Secret(tmp_path / "secret", current(), lambda: "x").look()


@pytest.mark.parametrize("kind", ["directory", "file"])
def test_what_differs_says_how_to_mend_it(tmp_path: Path, kind: str):
    path = tmp_path / kind
    path.mkdir() if kind == "directory" else path.write_text("")
    path.chmod(0o750)
    step = a_directory(path) if kind == "directory" else a_secret(path)
    assert step.look() is Finding.CHANGE
    assert f"chown {current()}: {path} && chmod 0" in step.objection()
    step.do()
    assert step.look() is Finding.DONE


def test_a_file_in_the_place_of_a_directory_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InTheWay, match="is a file, and no directory"):
        Directory(tmp_path / "file", current(), 0o700).look()
    with pytest.raises(InTheWay, match="is no directory"):
        Directory(tmp_path / "file/below", current(), 0o700).look()


def test_an_owner_who_is_not_there_yet_hinders_no_look(tmp_path: Path):
    secret = Secret(tmp_path / "secret", Owner("nobody-such"), lambda: "x")
    assert secret.look() is Finding.MAKE
    with pytest.raises(InTheWay, match="no user nobody-such"):
        secret.do()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there(tmp_path: Path):
    with small_disk(tmp_path / "disk", mebibytes=1) as disk:
        path = disk.path / "file"
        files.write(path, "old", current(), 0o600)
        disk.spoil("full")
        with pytest.raises(OSError, match="No space left"):
            files.write(path, "new" * 100_000, current(), 0o600)
        assert path.read_text() == "old"
        assert not list(disk.path.glob(".new-*"))


def test_state_goes_with_its_directory_and_settings_of_others_stay(tmp_path: Path):
    state = Directory(tmp_path / "state", current(), 0o700, holds_state=True)
    settings = Directory(tmp_path / "settings", current(), 0o700)
    for each in (state, settings):
        each.do()
        (each.path / "file").write_text("")
        each.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["settings"]
