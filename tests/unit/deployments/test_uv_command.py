"""uv is tried once, and once more with the system's certificate authorities if it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.uv_command import run_uv

TRIED = 'echo "certs=$UV_SYSTEM_CERTS $*" >> tried\n'


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("UV_SYSTEM_CERTS", raising=False)
    program = tmp_path / "uv"

    def uv(script: str) -> Path:
        program.write_text(f"#!/bin/sh\n{TRIED}{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr("deployments.uv_command.uv.find_uv_bin", lambda: program)
        return tmp_path

    return uv


def tries(directory: Path) -> list[str]:
    return (directory / "tried").read_text().splitlines()


def test_what_succeeds_runs_once(uv):
    directory = uv("echo made")
    done = run_uv("sync", "--frozen", directory=directory)
    assert (done.returncode, done.stdout) == (0, "made\n")
    assert tries(directory) == ["certs= sync --frozen"]


def test_where_only_the_system_knows_the_registry_s_authority_it_succeeds(uv):
    directory = uv('test "$UV_SYSTEM_CERTS" = true')
    assert run_uv("sync", directory=directory, environment={}).returncode == 0
    assert tries(directory) == ["certs= sync", "certs=true sync"]


def test_what_fails_both_times_says_why(uv):
    directory = uv("echo no such package >&2; exit 2")
    done = run_uv("sync", directory=directory)
    assert (done.returncode, done.stderr) == (2, "no such package\n")
    assert len(tries(directory)) == 2
