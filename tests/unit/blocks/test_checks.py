"""Checks are bounded in time, and say what is wrong in one line."""

import threading

import pytest

from blocks.checks import Check, Finding, find
from blocks.errors import ProdOpsError


def raising(error: Exception):
    def look() -> str:
        raise error

    return look


def test_what_is_found_is_said():
    assert find(Check("door", lambda: "open"), seconds=5) == Finding("door", True, "open")


def test_an_error_of_ours_is_a_finding():
    found = find(Check("door", raising(ProdOpsError("closed"))), seconds=5)
    assert found == Finding("door", False, "closed")


def test_another_error_is_raised():
    with pytest.raises(ZeroDivisionError):
        find(Check("door", raising(ZeroDivisionError())), seconds=5)


def test_a_check_that_hangs_is_given_up():
    ended = threading.Event()
    found = find(Check("door", lambda: str(ended.wait())), seconds=0.05)
    ended.set()
    assert found == Finding("door", False, "no answer within 0.05 s")
