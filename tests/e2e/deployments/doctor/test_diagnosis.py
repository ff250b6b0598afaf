"""`prodops doctor` of a stack that is well, and with one thing broken at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import Site

pytestmark = pytest.mark.e2e


def findings(site: Site, *words: str) -> tuple[int, list[dict[str, Any]]]:
    done = site.cli("doctor", "--json", *words)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)["findings"]


@pytest.mark.slow
def test_a_stack_that_is_well_is_found_to_be_so(site: Site):
    code, found = findings(site)
    bad = {each["check"]: each["text"] for each in found if each["condition"] == "problem"}
    assert (bad, code) == ({}, 0)
    warned = {each["check"] for each in found if each["condition"] == "warning"}
    # The sandbox's proxy is made for a week; the rest is this machine.
    assert warned <= {"expiry", "system", "disk", "published"}


@pytest.mark.slow
def test_people_get_a_line_for_each_finding_then_what_to_do_without_colours_in_a_pipe(site: Site):
    done = site.cli("doctor", "--only", "disk", "--only", "proxies")
    assert (done.returncode, "\x1b" in done.stdout) == (0, False)
    assert "ok       settings" in done.stdout, "with what they need"
    assert "ops side, " in done.stdout.splitlines()[-1]
    unknown = site.cli("doctor", "--only", "weather")
    assert (unknown.returncode, "there is no check 'weather'" in unknown.stderr) == (2, True)
