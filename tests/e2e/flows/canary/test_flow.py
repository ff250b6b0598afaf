"""The canary's walk through a whole stack: it passes, says so, and leaves nothing behind."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from flows.common import canary
from flows.common.database import transaction
from tests.e2e.conftest import Site

pytestmark = pytest.mark.e2e

TRACES = (
    "fastmon_inbox WHERE namespace = :namespace",
    "fastmon_first_stf WHERE namespace = :namespace",
    "swf_stf_files WHERE stf_filename LIKE 'canary.%'",
    "swf_fastmon_files WHERE tf_filename LIKE 'canary.%'",
    "swf_runs WHERE run_number = 0",
)


def test_a_canary_comes_back_from_every_leg_and_leaves_nothing_behind(site: Site):
    ended = site.ended(site.trigger("run_canary"))
    assert ended.result is not None, ended.error
    states = {each["leg"]: each["state"] for each in ended.result["legs"]}
    assert states == {
        "messages": "passed", "requests": "passed", "log": "passed", "sweep": "passed",
        "rucio": "passed",
    }, ended.result  # fmt: skip
    told = [each.msg_type for each in site.events(request_id=ended.id)]
    assert [each for each in told if each.startswith("canary")] == [
        *["canary_leg"] * 5, "canary_completed"
    ]  # fmt: skip
    with transaction(site.engine) as session:
        for each in TRACES:
            query = text(f"SELECT count(*) FROM {each}")
            left = session.scalar(query, {"namespace": canary.NAMESPACE} if ":n" in each else {})
            assert left == 0, each


@pytest.mark.slow
def test_a_person_sees_each_leg_as_it_was_walked_and_an_exit_code(site: Site):
    done = site.cli("canary", "--leg", "requests", "--leg", "rucio")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["passed", "requests"], ["passed", "rucio"]]
    assert lines[2].startswith("passed after")
    asked = site.cli("canary", "--leg", "log", "--leg", "sweep", "--json")
    assert (asked.returncode, json.loads(asked.stdout)["state"]) == (0, "passed")
    refused = site.cli("canary", "--leg", "nowhere")
    assert (refused.returncode, "nowhere" in refused.stderr or "legs" in refused.stderr) == (
        1,
        True,
    )
