"""What `prodops block` says, and its exit codes."""

import json

import pytest
from typer.testing import CliRunner

from blocks.documents import BlockName, BlocksUnavailable
from deployments.cli import blocks
from deployments.cli.blocks import NothingToCheck, app
from flows.common import sources


@pytest.fixture
def run(monkeypatch):
    """Runs a command without a stack; what is checked is given."""

    def invoke(*words, rows=(), documents=None):
        monkeypatch.setattr("deployments.prefect_access.join_prefect", lambda: None)
        monkeypatch.setattr("deployments.access.join_stack", lambda: None)
        monkeypatch.setattr(sources, "read_documents", lambda _: documents or {})
        if rows:
            monkeypatch.setattr(blocks, "_findings", lambda *_: list(rows))
        return CliRunner().invoke(app, list(words))

    return invoke


def row(result: str) -> dict[str, str]:
    return {"block": "x509-proxy/a", "check": "proxy", "result": result, "found": "it"}


@pytest.mark.parametrize(("results", "code"), [(["good"], 0), (["good", "bad"], 1)])
def test_a_check_ends_with_whether_all_is_good(run, results, code):
    ended = run("check", "--all", "--json", rows=[row(each) for each in results])
    assert ended.exit_code == code
    assert [each["result"] for each in json.loads(ended.stdout)] == results


@pytest.mark.parametrize("words", [["check"], ["check", "a", "--all"]])
def test_a_check_of_nothing_or_of_two_things_is_refused(run, words):
    ended = run(*words)
    assert isinstance(ended.exception, NothingToCheck)
    assert ended.exception.exit_code == 2


def test_what_cannot_be_checked_ends_with_2(run, monkeypatch):
    def away(*_):
        raise BlocksUnavailable("Prefect does not give the blocks: away")

    monkeypatch.setattr(blocks, "_findings", away)
    ended = run("check", "--all")
    assert ended.exception.exit_code == 2
    assert "away" in str(ended.exception)


def test_the_list_says_what_counts_and_whether_it_is_there(run, monkeypatch):
    monkeypatch.setenv("PRODOPS_PANDA_BLOCK", "mine")
    monkeypatch.setenv("PRODOPS_PCS_BLOCK", "gone")
    ended = run("list", "--json", documents={BlockName("panda-server", "mine"): {}})
    found = {each["service"]: (each["source"], each["state"]) for each in json.loads(ended.stdout)}
    assert found["PanDA"] == ("mine", "present")
    assert found["PCS"] == ("gone", "missing")
    assert found["XRootD"] == ("settings", "configured")
    assert found["message broker"] == ("settings", "not configured")
