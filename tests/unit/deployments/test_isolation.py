"""One bad thing stops itself alone; an outage is for the loop to wait out."""

from __future__ import annotations

import httpx
import psycopg
import pytest
from sqlalchemy.exc import DataError, OperationalError

from blocks.errors import Invalid, OutsideUnavailable, ProdOpsError
from deployments import isolation
from deployments.isolation import is_outage, isolated, outlived


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(isolation, "_said", set())
    monkeypatch.setattr(isolation._log, "error", lambda event, **_: found.append(event))
    return found


def test_a_fault_is_logged_once_for_each_thing_and_hinders_nothing(logged: list[str]):
    for row in (1, 2, 1, 2, 1):
        with isolated("bad", row=row):
            raise KeyError("x")
    assert logged == ["bad", "bad"]


@pytest.mark.parametrize(
    ("error", "is_away"),
    [
        (OutsideUnavailable("away"), True),
        (ConnectionRefusedError(), True),
        (httpx.ReadTimeout("slow"), True),
        (OperationalError("SELECT", None, psycopg.errors.AdminShutdown("it stops")), True),
        (DataError("SELECT", None, Exception("out of range")), False),
        (Invalid({"x": ["y"]}), False),
        (TypeError("x"), False),
    ],
)
def test_an_outage_is_told_from_a_fault(logged, error, is_away):
    assert is_outage(error) == is_away
    if is_away:
        with pytest.raises(type(error)), isolated("bad"):
            raise error
    else:
        with isolated("bad"):
            raise error
    assert logged == [] if is_away else ["bad"]


class Ended(ProdOpsError):
    """What a part ends with on purpose."""


@pytest.mark.parametrize("error", [KeyError("x"), Invalid({"x": ["y"]}), OutsideUnavailable("a"),
                                   psycopg.errors.InsufficientPrivilege("no")])  # fmt: skip
def test_no_error_of_any_class_ends_what_is_repeated(logged, error):
    for _ in range(2):
        with outlived("a round"):
            raise error
    assert logged == ([] if isinstance(error, OutsideUnavailable) else ["a round"])


def test_what_a_part_ends_with_on_purpose_is_raised(logged):
    with pytest.raises(Ended), outlived("a round", ended_by=(Ended,)):
        raise Ended
    assert logged == []
