"""The Containerfile's steps in a bare Debian, and what its image then is; no registry of images."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deployments.reference import ROOT
from flows.common import actions
from tests.slow.newcomer import copy_sources, registries
from tests.slow.test_bare_debian import OF_THE_MACHINE, bootstrap, copy_into, place
from tests.support.containerfile import Builder, Image, steps

__all__ = ["place"]

pytestmark = pytest.mark.xdist_group("newcomer")

TEXT = (ROOT / "deployments/container/Containerfile").read_text()


@pytest.fixture
def image(place: Path) -> Image:
    if os.geteuid() != 0:
        pytest.skip("only root can make a Debian")
    if shutil.which("mmdebstrap") is None:
        pytest.skip("no mmdebstrap: deployments/system-packages.sh slow installs it")
    base, context = place / "base", place / "context"
    bootstrap(base, place / "apt.conf", ("ca-certificates",))
    for name in OF_THE_MACHINE:
        copy_into(base, name)
    shutil.copyfile(place / "apt.conf", base / "etc/apt/apt.conf.d/99-of-the-machine")
    copy_sources(context)
    given = registries(base) | {"UV_SYSTEM_CERTS": "true"}
    return Builder(base, context, place, given).build(TEXT)


def test_the_image_has_every_flow_and_nothing_of_its_user_to_write_but_its_state(image):
    assert image.user == "1001:1001"
    assert image.command == '["prefect", "flow-run", "execute"]'
    names = ",".join(sorted(actions.all_actions()))
    flows = "from deployments.other_pools import entrypoints as e; import sys; "
    assert "flow-run" in image.run("prefect", "flow-run", "execute", "--help")
    image.run("python", "-c", f"{flows}[getattr(e, name) for name in '{names}'.split(',')]")
    image.run("sh", "-c", "! touch /opt/prodops/x && touch /var/lib/prodops/x")
    assert "Python 3.11" in image.run("python", "--version")
    here = subprocess.check_output(["du", "-sm", image.root / "opt"], text=True).split()[0]
    assert int(here) < 1500, f"{here} MB of Python"


def test_no_step_names_a_secret_and_the_last_user_is_not_root():
    told = list(steps(TEXT))
    assert [arguments for instruction, arguments in told if instruction == "USER"] == ["1001:1001"]
    words = " ".join(arguments for _, arguments in told).lower()
    assert not {"password", "token", "passfile", "auth_string"} & set(
        words.replace("=", " ").split()
    )
