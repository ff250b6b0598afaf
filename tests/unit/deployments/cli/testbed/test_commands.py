"""The `testbed` command where there is nothing yet: no stack, no agents, no configuration."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deployments.cli import testbed
from deployments.reference import ROOT
from flows.common.settings import settings


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRODOPS_TESTBED_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("SWF_MONITOR_URL", "http://127.0.0.1:9")  # nobody listens there
    for name in ("PGTZ", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def command(monkeypatch, capsys) -> Any:
    """Runs a command; gives its exit code, what it printed, and what it said."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["testbed", *words])
        settings.cache_clear()
        with pytest.raises(SystemExit) as ended:
            testbed.main()
        printed = capsys.readouterr()
        return int(ended.value.code), printed.out, printed.err

    return run


def test_init_writes_a_configuration_and_never_replaces_one_unasked(place, command):
    assert command("init")[0] == 0
    assert tomllib.loads((place / "testbed.toml").read_text())["testbed"]["namespace"]
    (place / "testbed.toml").write_text("mine")
    code, _, said = command("init")
    assert (code, "--force replaces it" in said) == (2, True)
    assert (place / "testbed.toml").read_text() == "mine"
    assert command("init", "--force")[0] == 0


def test_status_works_without_a_stack_and_says_what_is_not_reachable(place, command):
    code, printed, _ = command("status")
    assert code == 3
    assert f"no agents run: no supervisor in {place}/state" in printed
    assert "the monitor cannot be asked" in printed
    code, printed, _ = command("status", "--json")
    shown = json.loads(printed)
    assert (code, shown["is_up"], shown["agents"]) == (3, False, [])


@pytest.mark.parametrize("words", [["stop"], ["stop", "--all"]])
def test_stopping_where_nothing_runs_is_no_error(command, words):
    assert command(*words)[0] == 0


def test_the_originals_stop_agents_says_by_its_code_that_none_runs(command):
    assert command("stop-agents")[:2] == (4, "No agents running\n")


@pytest.mark.parametrize("verb", ["start-local", "stop-local", "status-local"])
def test_what_is_replaced_says_by_what(command, verb):
    code, _, said = command(verb)
    assert (code, "`prodops " in said) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "`testbed init` writes one"),
        (["run", "none"], "there is no testbed configuration 'none'"),
        (["start"], "`testbed init` writes one"),
        (["logs", "data"], "there is no agent 'data' here"),
        (["kill", "data-agent-anna-1", "--yes"], "SWF_API_TOKEN is not set"),
    ],
)
def test_what_is_missing_is_said_in_one_line_with_2(command, words, said):
    code, _, error = command(*words)
    assert (code, error.count("\n"), said in error) == (2, 1, True), error


def test_a_bad_override_is_refused_before_anything_is_started(place, command, monkeypatch):
    monkeypatch.setenv("SWF_API_TOKEN", "t")
    command("init")
    code, _, error = command("run", "--workflow-config", "none")
    assert (code, "there is no workflow configuration 'none'" in error) == (2, True)
    assert not (place / "state" / "supervisord.conf").exists()


def test_both_names_are_commands():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"]["testbed"] == "deployments.cli.testbed:main"
    assert project["scripts"]["swf-testbed"] == "deployments.cli.testbed:main"
