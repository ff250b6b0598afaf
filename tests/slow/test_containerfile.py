"""The Containerfile's steps in a bare Debian, and what its image then does; no registry of images.

What Docker or Kubernetes would do is done by `chroot`: the image's user, environment and command.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.bench.common.process_worker import environment
from deployments.reference import ROOT
from flows.common import actions
from tests.e2e.deployments.other_pools.elsewhere import (
    POOL,
    handing_over,
    is_in_pool,
    request_with_a_run,
)
from tests.slow.newcomer import copy_sources, registries
from tests.slow.test_bare_debian import OF_THE_MACHINE, bootstrap, copy_into, place_of_roots
from tests.support.containerfile import Builder, Image, steps
from tests.waiting import wait_until

pytestmark = pytest.mark.xdist_group("newcomer")

UID = 1001
TEXT = (ROOT / "deployments/container/Containerfile").read_text()


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    if os.geteuid() != 0:
        pytest.skip("only root can make a Debian")
    if shutil.which("mmdebstrap") is None:
        pytest.skip("no mmdebstrap: deployments/system-packages.sh slow installs it")
    with place_of_roots() as place:
        base, context = place / "base", place / "context"
        bootstrap(base, place / "apt.conf", ("ca-certificates",))
        for name in OF_THE_MACHINE:
            copy_into(base, name)
        shutil.copyfile(place / "apt.conf", base / "etc/apt/apt.conf.d/99-of-the-machine")
        copy_sources(context)
        given = registries(base) | {"UV_SYSTEM_CERTS": "true"}
        yield Builder(base, context, place, given).build(TEXT)


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


def test_its_command_runs_a_request_that_was_handed_over(image):
    """As a Job does it: the flow run's id and the pool's settings are in the environment."""
    with handing_over({}) as production:
        site = production.site
        site.ask("POST", "/work_pools/", name=POOL, type="docker")
        wait_until(lambda: is_in_pool(site))
        handed = request_with_a_run(site, site.trigger("check_pipeline"))
        stack = site.stack.environment("ops")
        passfile = image.root / "var/lib/prodops/database.pgpass"
        shutil.copyfile(stack["PRODOPS_DATABASE_PASSFILE"], passfile)
        passfile.chmod(0o400)
        os.chown(passfile, UID, UID)
        known = environment(site.stack, Path("/tmp"), poll_seconds=1)
        given = {name: known[name] for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING")} | {
            "PRODOPS_DATABASE_URL": stack["PRODOPS_DATABASE_URL"],
            "PRODOPS_DATABASE_PASSFILE": "/var/lib/prodops/database.pgpass",
            "PREFECT__FLOW_RUN_ID": str(handed.flow_run_id),
        }
        image.run(*json.loads(image.command), given=given)
        ended = site.request(handed.id)
    assert (ended.state, ended.attempts) == ("completed", 1), ended.error
    assert ended.result is not None


def test_no_step_names_a_secret_and_the_last_user_is_not_root():
    told = list(steps(TEXT))
    assert [arguments for instruction, arguments in told if instruction == "USER"] == ["1001:1001"]
    words = " ".join(arguments for _, arguments in told).lower()
    assert not {"password", "token", "passfile", "auth_string"} & set(
        words.replace("=", " ").split()
    )
