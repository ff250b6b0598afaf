"""`prodops task resolve`: what it asks for, and how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from blocks.monitor_api.actions import ActionApi, ActionState
from blocks.pcs_service import PcsService, TaskUnknown
from deployments.cli.submission import commands, resolve

URL = ("-m", "http://127.0.0.1:9", "-t", "good")


@pytest.fixture
def asked(monkeypatch) -> list[dict[str, Any]]:
    """What PCS is asked for; the request then ends as `end` says."""
    found: list[dict[str, Any]] = []

    def ask(_pcs: PcsService, name: str, **decision: Any) -> int:
        found.append({"name": name, **decision})
        return 42

    monkeypatch.setattr(PcsService, "resolve", ask)
    monkeypatch.setattr(resolve, "_LOOK_SECONDS", 0.0)
    return found


def end(monkeypatch, *states: str, **more: Any) -> None:
    left = list(states)

    def request(_api: ActionApi, request_id: int) -> ActionState:
        state = left.pop(0) if len(left) > 1 else left[0]
        return ActionState.model_validate({"id": request_id, "state": state, **more})

    monkeypatch.setattr(ActionApi, "request", request)


def run(*words: str) -> Result:
    return CliRunner().invoke(commands.app, ["resolve", "elm", *words, *URL])


def test_an_id_is_adopted_and_the_end_is_waited_for(asked, monkeypatch):
    end(monkeypatch, "queued", "running", "completed", result={"jedi_task_id": 4})
    result = run("--adopt", "4", "--reason", "seen there")
    assert (result.exit_code, result.stdout) == (0, "elm: adopted as jediTaskID 4\n")
    assert asked == [{"name": "elm", "adopt": 4, "reason": "seen there"}]


def test_a_failure_is_said(asked, monkeypatch):
    end(monkeypatch, "completed", result={"jedi_task_id": None, "outcome": "failed"})
    result = run("--failed", "--reason", "wiped", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["text"] == "settled as failed"
    assert asked[0]["adopt"] is None


def test_a_decision_that_panda_contradicts_ends_with_4_and_the_reason(asked, monkeypatch):
    end(monkeypatch, "failed", error="nothing was decided: PanDA has 4 as another's")
    result = run("--adopt", "4", "--reason", "x")
    assert result.exit_code == 4
    assert "PanDA has 4 as another's" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--reason", "x"),
        ("--adopt", "4", "--failed", "--reason", "x"),
        ("--adopt", "4"),
        ("--adopt", "0", "--reason", "x"),
    ],
)
def test_a_decision_is_one_and_has_a_reason(asked, words):
    assert run(*words).exit_code == 2
    assert asked == []


def test_a_task_that_pcs_does_not_know_ends_with_3(monkeypatch):
    def unknown(*_args: object, **_more: object) -> int:
        raise TaskUnknown(404, "No task 'elm'")

    monkeypatch.setattr(PcsService, "resolve", unknown)
    assert run("--failed", "--reason", "x").exit_code == 3
