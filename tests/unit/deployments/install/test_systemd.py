"""What systemd is told: read the units again, and stop what is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.install import removal, running, systemd
from deployments.install.advice import advice
from deployments.install.options import Options
from deployments.install.running import Row
from flows.common.settings import BadSetting

pytestmark = pytest.mark.usefixtures("without_database")


@pytest.fixture
def told(tmp_path: Path, monkeypatch) -> Path:
    """A file with what a `systemctl` is asked; systemd seems to run here, and no part does."""
    log, program = tmp_path / "told", tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >>{log}\n[ "$1" != is-active ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(systemd, "is_managed", lambda units: True)
    return log


def test_it_reads_its_units_again_once_they_are_written(options: Options, told: Path):
    list(running.install(options))
    assert told.read_text() == "daemon-reload\n"


def test_the_parts_are_stopped_before_their_units_go(options: Options, told: Path):
    list(running.install(options))
    told.unlink()
    list(removal.remove(options, is_purged=False))
    assert told.read_text() == "disable --now --quiet prodops.target\ndaemon-reload\n"


def test_what_systemctl_refuses_is_one_line(options: Options, told: Path):
    (told.parent / "bin/systemctl").write_text("#!/bin/sh\necho no bus >&2\nexit 1\n")
    with pytest.raises(BadSetting, match=r"`systemctl daemon-reload` failed: no bus"):
        list(running.install(options))


def test_a_first_time_says_how_to_start(options: Options, told: Path):
    lines = list(advice(options, []))
    assert str(options.places.ops_env) in lines[0]
    assert lines[1].strip() == "systemctl enable --now prodops.target"
    assert told.read_text() == "is-active --quiet prodops.target\n"


def test_where_parts_run_it_says_how_to_restart(options: Options, told: Path, monkeypatch):
    monkeypatch.setattr(systemd, "is_active", lambda options: True)
    rows = [Row("settings x (edited, proposal in ops.env.new)", "changed")]
    proposal, restart = advice(options, rows)
    assert "compare the files *.new" in proposal
    assert "systemctl restart prodops.target" in restart


def test_elsewhere_systemd_is_told_nothing(options: Options):
    assert systemd.is_managed(options.places.units) is False
    [line] = advice(options, [])
    assert line.endswith("systemd was told nothing")
