"""Ruff's security rules count for all that is shipped; each exception says why on its line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "blocks", "deployments", "flows")
_EXCEPTION = re.compile(r"#\s*noqa:\s*(?P<codes>[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)(?P<rest>.*)")
_SECURITY = re.compile(r"\bS\d{3}\b")


def unexplained(line: str) -> bool:
    """Whether a line leaves out a security rule without a reason."""
    found = _EXCEPTION.search(line)
    return bool(
        found and _SECURITY.search(found["codes"]) and not re.match(r" - \S", found["rest"])
    )


def test_each_exception_from_a_security_rule_says_why():
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if unexplained(line)
    ]
    assert len(files) > 500
    assert not lines, "\n".join(lines)


def test_an_exception_without_a_reason_is_seen():
    assert unexplained("assert a  # noqa: S101")
    assert unexplained("assert a._b  # noqa: S101, SLF001")
    assert unexplained("assert a  # noqa: SLF001, S101 -")
    assert not unexplained("assert a  # noqa: S101 - the look-up found it")
    assert not unexplained("a._b  # noqa: SLF001")


def test_the_rules_are_selected_and_left_out_by_name_only():
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "ALL" in lint["select"]
    assert {each for each in lint["ignore"] if _SECURITY.fullmatch(each)} == {"S603", "S607"}
    left_out = {where for where, rules in lint["per-file-ignores"].items() if "S" in rules}
    assert left_out == {"tests/**"}
