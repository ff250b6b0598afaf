"""Calls to outside services are counted by how they end, also those of another process."""

from __future__ import annotations

import mmap
import os

import pytest

from blocks import outside_calls
from blocks.errors import EffectUnknown, NotFound, OutsideUnavailable, Refused
from blocks.outside_calls import CallOutcome, CallRow, OutsideCalls, System, counted


@pytest.fixture
def calls(monkeypatch):
    monkeypatch.setattr(outside_calls, "calls", OutsideCalls())
    return outside_calls.calls


def late():
    error = OutsideUnavailable("no answer")
    error.__cause__ = TimeoutError()
    return error


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"), (NotFound("x"), "not_found"), (Refused("x"), "refused"),
        (late(), "timeout"), (OutsideUnavailable("x"), "unavailable"),
        (EffectUnknown("x"), "unknown"), (KeyError("x"), "error"),
    ],
)  # fmt: skip
def test_a_call_is_counted_by_how_it_ends(calls, error, outcome):
    def call():
        with counted(System.PANDA):
            if error is not None:
                raise error

    if error is None:
        call()
    else:
        with pytest.raises(type(error)):
            call()
    [row] = calls.rows()
    assert (row.system, row.outcome, row.times.number) == ("panda", outcome, 1)


def test_an_answer_may_say_no_without_an_error(calls):
    with counted(System.PCS) as call:
        call.outcome = CallOutcome.REFUSED
    assert [row.outcome for row in calls.rows()] == ["refused"]


def test_what_a_forked_process_counts_is_read_by_the_other():
    with mmap.mmap(-1, outside_calls.SIZE_BYTES) as shared:
        pid = os.fork()
        if pid == 0:
            own = OutsideCalls()
            own.share(memoryview(shared))
            own.count(System.XROOTD, CallOutcome.OK, 2.0)
            os._exit(0)
        os.waitpid(pid, 0)
        [row] = outside_calls.read(memoryview(shared))
    assert (row.system, row.seconds, row.times.number) == ("xrootd", 2.0, 1)


def test_counts_of_several_processes_add_up(calls):
    calls.count(System.PCS, CallOutcome.OK, 0.2)
    calls.add(calls.rows())
    [row] = calls.rows()
    assert (row.times.number, row.seconds) == (2, 0.4)


def test_what_another_version_counts_is_left_out():
    good = ["pcs", "ok", [0] * 13 + [1], 2.0]
    assert CallRow.read(good).times.number == 1
    assert CallRow.read(["pcs", "ok", [1], 2.0]) is None
    with pytest.raises(ValueError, match="teapot"):
        CallRow.read(["teapot", "ok", [0] * 14, 2.0])
