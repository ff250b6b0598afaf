"""systemd's own verdict on the rendered units."""

from __future__ import annotations

import getpass
import grp
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.systemd.units import units
from tests.unit.deployments.systemd.test_units import SITE

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
    ),
]

MOST_EXPOSED = 21
"""The highest exposure, in tenths: 0 to 2.0 is "OK"."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """The units of this environment and this user, in files."""
    user, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
    zones = {name: replace(getattr(SITE, name), user=user, group=group) for name in ("ops", "web")}
    site = replace(SITE, bin_dir=Path(sys.executable).parent, **zones)
    directory = tmp_path_factory.mktemp("units")
    for name, text in units(site).items():
        (directory / name).write_text(text)
    return sorted(directory.iterdir())


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_systemd_finds_nothing_wrong_with_any_unit(written: list[Path]):
    done = analyze("verify", *written)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_says_ok_of_the_exposure_of_every_unit(written: list[Path]):
    services = [each for each in written if each.suffix == ".service"]
    assert len(services) == len(written) - 1
    for service in services:
        done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", service)
        assert done.returncode == 0, f"{service.name}: {done.stdout[-200:]}{done.stderr}"
        assert " OK " in done.stdout or " SAFE " in done.stdout, done.stdout[-100:]
