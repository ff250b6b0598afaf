"""What the Containerfile copies is what the package is built of; it is built in tests/slow."""

from __future__ import annotations

import tomllib

from deployments.reference import ROOT
from tests.support.containerfile import steps

TEXT = (ROOT / "deployments/container/Containerfile").read_text()


def test_all_that_the_build_needs_is_copied():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert list(wheel["hooks"]) == ["custom"]
    needed = {"pyproject.toml", "uv.lock", "hatch_build.py", project["project"]["readme"]}
    copied = {
        name
        for instruction, arguments in steps(TEXT)
        if instruction == "COPY" and not arguments.startswith("--from")
        for name in arguments.split()[:-1]
    }
    assert needed | set(wheel["packages"]) <= copied


def test_its_python_is_one_that_the_package_runs_on():
    """Debian 12 has 3.11."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "debian:12-slim" in TEXT
    assert project["requires-python"].startswith(">=3.11,")
