"""What `make audit` says of what pip-audit found, and when it may not call it clean."""

from __future__ import annotations

from typing import Any

from deployments.audit import Answer, judge

GOOD = {"name": "rich", "version": "14.0.0", "vulns": []}
BAD = {
    "name": "jinja2",
    "version": "2.4",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.10.1"], "aliases": [], "description": "…"}],
}
SKIPPED = {"name": "ours", "skip_reason": "Dependency not found on PyPI"}


def said(*found: dict[str, Any], osv: Answer | None = None) -> tuple[int, str]:
    answers = {"pypi": Answer(found, "No known vulnerabilities found"), "osv": osv}
    code, lines = judge(lambda service: answers[service] or Answer((), "no such host"))
    return code, "\n".join(lines)


def test_a_vulnerable_package_is_named_and_ends_with_one():
    code, text = said(GOOD, BAD)
    assert code == 1
    assert "jinja2 2.4: PYSEC-1, mended in 2.10.1" in text
    assert "no advisory" not in text


def test_what_is_clean_says_how_many_were_asked_about():
    assert said(GOOD, GOOD) == (0, "pypi was asked about 2 packages: no advisory")


def test_a_package_that_was_not_looked_at_is_named():
    code, text = said(GOOD, SKIPPED)
    assert code == 0
    assert "ours was not looked at: Dependency not found on PyPI" in text


def test_where_nobody_can_be_asked_nothing_is_called_clean():
    code, text = said(SKIPPED)
    assert code == 0
    assert "pypi cannot be asked: it knows none of the 1 packages" in text
    assert "osv cannot be asked: no such host" in text
    assert "is not known" in text
    assert "no advisory" not in text


def test_the_second_is_asked_where_the_first_cannot_be():
    code, text = said(SKIPPED, osv=Answer((BAD,), ""))
    assert (code, "jinja2 2.4: PYSEC-1" in text) == (1, True)
