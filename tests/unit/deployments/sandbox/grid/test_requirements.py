"""The Rucio server's list: whole, exact, and for every Python that prodops declares."""

from __future__ import annotations

import re

from deployments.sandbox.grid.programs import REQUIREMENTS

ASKED = REQUIREMENTS.with_suffix(".in").read_text()
LISTED = REQUIREMENTS.read_text().replace("\\\n", "")
NAME = re.compile(r"^([A-Za-z0-9._-]+)", re.MULTILINE)


def names(text: str) -> list[str]:
    return [re.sub(r"[-_.]+", "-", name).lower() for name in NAME.findall(text)]


def test_what_is_asked_for_is_listed():
    assert set(names(ASKED)) <= set(names(LISTED))


def test_each_is_exact_and_known_by_its_hash():
    lines = [line for line in LISTED.splitlines() if NAME.match(line)]
    assert all("==" in line and "--hash=sha256:" in line for line in lines)


def test_what_only_some_pythons_need_is_listed_with_its_condition():
    condition = r"^async-timeout==\S+ ; python_full_version < '3\.11\.3'"
    assert re.search(condition, LISTED, re.MULTILINE)
