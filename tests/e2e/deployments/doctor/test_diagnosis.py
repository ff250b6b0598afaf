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


def test_a_stack_that_is_well_is_found_to_be_so(site: Site):
    code, found = findings(site)
    bad = {each["check"]: each["text"] for each in found if each["condition"] == "problem"}
    assert (bad, code) == ({}, 0)
    warned = {each["check"] for each in found if each["condition"] == "warning"}
    # The sandbox's proxy is made for a week; the rest is this machine.
    assert warned <= {"expiry", "system", "disk", "published"}
