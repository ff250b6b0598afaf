"""An installation is done step by step, wherever an earlier one was interrupted."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.install import manifest, removal, running
from deployments.install.files import Secret
from deployments.install.options import Options
from flows.common.settings import BadSetting
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.usefixtures("without_database")


def states(options: Options) -> list[str]:
    return [row.state for row in running.install(options)]


def contents(prefix: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(prefix.rglob("*")) if path.is_file()}


def test_a_preview_changes_nothing(options: Options):
    rows = running.preview(options)
    assert {row.state for row in rows} == {"done", "will make"}
    assert not options.prefix.exists()


def test_a_second_run_changes_nothing(options: Options):
    assert "made" in states(options)
    before = contents(options.prefix)
    assert set(states(options)) == {"done"}
    assert contents(options.prefix) == before


def test_it_goes_on_wherever_it_was_interrupted(options: Options):
    """Each try does one step, and dies."""
    left = len(running.preview(options))
    while left:
        tried = running.install(options)
        left = 0
        for row in tried:
            if row.state != "done":
                left = 1
                break
        tried.close()
    uninterrupted = manifest.read(options.places.manifest)
    assert uninterrupted is not None
    assert set(states(options)) == {"done"}
    assert len(uninterrupted.made) == len(set(uninterrupted.made))


@pytest.mark.parametrize("where", ["before", "behind"])
def test_it_goes_on_where_a_step_died(options: Options, monkeypatch, where: str):
    do = Secret.do

    def dying(step: Secret) -> None:
        if where == "behind":
            do(step)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Secret, "do", dying)
        with pytest.raises(KeyboardInterrupt):
            states(options)
    assert "made" in states(options)
    assert set(states(options)) == {"done"}


def test_two_at_once_are_refused(options: Options):
    first = running.install(options)
    next(first)
    with pytest.raises(BadSetting, match="another `prodops install` is at work"):
        states(options)
    first.close()
    assert "made" in states(options)


def test_what_is_in_the_way_is_found_before_anything_is_made(options: Options):
    options.places.units.mkdir(parents=True)
    options.places.ops_state.parent.mkdir(parents=True)
    options.places.public.write_text("mine")
    with pytest.raises(BadSetting, match="prodops-public is a file"):
        states(options)
    assert not options.places.ops_etc.exists()


def test_what_was_there_before_stays(options: Options):
    options.places.units.mkdir(parents=True)
    options.places.ops_etc.mkdir(parents=True)
    options.places.ops_etc.chmod(0o750)
    options.places.ops_passfile.write_text("mine")
    options.places.ops_passfile.chmod(0o600)
    (options.places.units / "other.service").write_text("mine")
    states(options)
    removed = list(removal.remove(options, is_purged=True))
    assert "removed" in {row.state for row in removed}
    assert [path.name for path in contents(options.prefix)] == ["ops.pgpass", "other.service"]


def test_without_purge_only_the_units_go(options: Options):
    states(options)
    before = contents(options.prefix)
    list(removal.remove(options, is_purged=False))
    left = contents(options.prefix)
    gone = {path for path in before if path not in left}
    assert {path.parent for path in gone} == {options.places.units}
    assert set(states(options)) == {"done", "made"}


def test_a_part_that_gets_no_unit_any_more_loses_the_one_it_had(options: Options):
    states(options)
    fewer = replace(options, parts=("api",))
    rows = list(running.install(fewer))
    assert sum(row.state == "removed" for row in rows) == 4
    assert {path.name for path in options.places.units.iterdir()} == {
        "prodops-api.service", "prodops.target",
    }  # fmt: skip


def test_a_directory_that_may_not_be_written_is_one_line(options: Options, monkeypatch):
    def refuse(*_args, **_more):
        raise PermissionError(13, "Permission denied", "/opt")

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(BadSetting, match=r"^/opt: Permission denied$"):
        states(options)


def test_a_record_that_cannot_be_read_is_one_line(options: Options):
    options.places.etc.mkdir(parents=True)
    options.places.manifest.write_text("{")
    with pytest.raises(BadSetting, match="record cannot be read"):
        manifest.read(options.places.manifest)


def test_where_nothing_is_installed_nothing_is_removed(options: Options):
    options.places.etc.mkdir(parents=True)
    with pytest.raises(BadSetting, match="there is no installation"):
        list(removal.remove(options, is_purged=True))


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_disk_that_takes_nothing_is_one_line_and_later_it_goes_on(
    options: Options, tmp_path: Path, how: str
):
    with small_disk(tmp_path / "disk", mebibytes=1) as disk:
        there = replace(options, prefix=disk.path / "site")
        words = disk.spoil(how)
        with pytest.raises(BadSetting, match=words):
            states(there)
        disk.heal()
        assert "made" in states(there)
        assert set(states(there)) == {"done"}
