"""Limits and HTTP proxies are those of the parts' processes, whatever this process has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployments.doctor.findings import Condition, Finding
from deployments.doctor.site import Side, Site
from deployments.doctor.subjects import machine, processes
from flows.common.settings import settings

pytestmark = pytest.mark.integration

SCRIPT = """
import resource, sys, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), hard))
print("ready", flush=True)
time.sleep(60)
"""
Start = Callable[..., int]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts what looks like a part, with so many files and that environment; gives its pid."""
    program = tmp_path / "prodops"
    program.write_text(SCRIPT)
    started: list[subprocess.Popen[str]] = []

    def run(part: str, files: int, state_dir: Path = tmp_path, **environment: str) -> int:
        command = [sys.executable, str(program), part, str(files)]
        given = {"PRODOPS_STATE_DIR": str(state_dir), **environment}
        process = subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process.pid

    yield run
    for each in started:
        each.kill()
        each.communicate()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("PRODOPS_STATE_DIR", str(tmp_path))
    settings.cache_clear()
    return Site(side=Side.OPS, environment=dict(os.environ), timeout_seconds=5.0, loaded=settings())


def named(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {each.about: each for each in findings}


def test_the_limit_of_open_files_is_that_of_the_part_s_process(site: Site, start: Start):
    pid = start("worker", 333)
    start("worker", 222, Path("/another/installation"))
    start("token", 111)
    found = named(machine._files(site))
    assert set(found) == {f"worker (pid {pid})"}
    of_worker = found[f"worker (pid {pid})"]
    assert of_worker.condition is Condition.WARNING
    assert of_worker.text.startswith("333 open files")
    assert "as its process has it" in of_worker.text


def test_where_no_part_runs_what_a_start_from_here_gives_is_told_as_such(site: Site):
    found = named(machine._files(site))
    assert set(found) == {"api", "worker"}
    assert all("none runs here as this user" in each.text for each in found.values())


def test_the_proxies_are_those_that_the_parts_were_started_with(site: Site, start: Start):
    worker = start("worker", 1024, HTTPS_PROXY="http://proxy.example.org:3128")
    relay = start("relay", 1024, HTTPS_PROXY="http://proxy.example.org:3128")
    odd = start("bridge", 1024, HTTPS_PROXY="socks5://me:secret@proxy:1080")
    found = list(machine._proxies(site))
    [good] = [each for each in found if each.condition is Condition.OK]
    assert good.text.endswith(
        f"proxy.example.org:3128 (worker (pid {worker}), relay (pid {relay}))"
    )
    [bad] = [each for each in found if each.condition is Condition.PROBLEM]
    assert (f"bridge (pid {odd})" in bad.text, "secret" in bad.text) == (True, False)


def test_where_no_part_runs_this_environment_is_told_as_such(site: Site):
    [found] = machine._proxies(
        Site(side=Side.OPS, environment={}, timeout_seconds=5.0, loaded=site.loaded)
    )
    assert found.text.endswith("(this environment)")


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (("/opt/prodops/bin/python", "/opt/prodops/bin/prodops", "worker"), "worker"),
        (("/opt/prodops/bin/prodops", "api"), "api"),
        (("python3", "-m", "deployments.cli", "notifier"), "notifier"),
        (("python3", "-P", "-m", "deployments.cli", "relay"), "relay"),
        (("/opt/prodops/bin/prodops", "token", "worker"), None),
        (("vi", "notes", "prodops", "worker"), None),
        (("python3", "-m", "deployments.worker.guardian"), None),
        ((), None),
    ],
)
def test_a_part_is_known_by_its_command(command: tuple[str, ...], part: str | None):
    assert processes.part_of(command) == part
