"""The doctor's report: the worst first, each advice once, an exit code."""

from datetime import UTC, datetime

import pytest

from deployments.doctor.examination import Examined
from deployments.doctor.findings import Check, ok, problem, skipped, warning
from deployments.doctor.report import Report
from deployments.doctor.site import Side


def report(*findings) -> Report:
    made = Examined(
        check=Check(name="disk", summary="", look=lambda _: ()), findings=findings, seconds=0.5
    )
    at = datetime(2026, 8, 1, tzinfo=UTC)
    return Report(side=Side.OPS, at=at, version="20ddccf6", examined=[made])


def test_problems_come_first_and_an_advice_comes_once():
    told = report(
        ok("fine"),
        warning("tight", "make room", about="b"),
        problem("full", "make room", about="a"),
    )
    assert [text for _, _, text in told.rows()] == ["full", "tight", "fine"]
    assert told.advice() == [("disk: a, disk: b", "make room")]


@pytest.mark.parametrize(
    ("finding", "codes"),
    [(ok(""), (0, 0)), (skipped(""), (0, 0)), (warning("", ""), (0, 1)), (problem("", ""), (1, 1))],
)
def test_the_exit_code_is_1_for_problems_and_if_wanted_for_warnings(finding, codes):
    told = report(finding)
    assert (told.exit_code(is_strict=False), told.exit_code(is_strict=True)) == codes


def test_as_json_it_has_a_form_that_stays():
    told = report(problem("full", "make room")).as_json()
    assert told == {
        "format": 1,
        "side": "ops",
        "at": "2026-08-01T00:00:00+00:00",
        "version": "20ddccf6",
        "counts": {"problem": 1, "warning": 0, "ok": 0, "skipped": 0},
        "findings": [
            {
                "check": "disk", "about": None, "condition": "problem", "text": "full",
                "advice": "make room", "seconds": 0.5,
            }
        ],
    }  # fmt: skip
