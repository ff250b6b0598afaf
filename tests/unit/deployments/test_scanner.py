"""The scanner's loop: whatever a scan meets, the next one comes."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from blocks.errors import ProdOpsError
from deployments import scanner
from flows.common.settings import settings
from flows.fastmon import scan
from flows.fastmon.scan import ScanReport, UnreadableDirectory


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What a scanner without a database logs as errors."""
    monkeypatch.setenv("PRODOPS_FASTMON_WATCH_DIRS", str(tmp_path))
    monkeypatch.setenv("PRODOPS_FASTMON_WATCH_SECONDS", "0.001")
    settings.cache_clear()
    monkeypatch.setattr(scanner, "await_schema", lambda _seconds: None)
    monkeypatch.setattr(scanner, "make_engine", lambda **_: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    said: list[str] = []
    monkeypatch.setattr(scanner._log, "error", lambda _event, reason, **_: said.append(reason))
    return said


class Stopped(BaseException):
    """The test has seen enough."""


def scans(monkeypatch: pytest.MonkeyPatch, *outcomes: Any) -> None:
    left = iter(outcomes)

    def one(*_: object, **__: object) -> ScanReport:
        outcome = next(left, Stopped())
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(scan, "scan", one)


def test_no_error_of_a_scan_ends_the_scanner_and_each_is_said_once(monkeypatch, logged):
    scans(
        monkeypatch,
        KeyError("x"),
        KeyError("x"),
        ScanReport(1, 1, 0),
        UnreadableDirectory("gone"),
        OverflowError("int too large"),
    )
    with pytest.raises(Stopped):
        scanner.run(settings(), once=False)
    assert logged == [
        "KeyError: 'x'", "UnreadableDirectory: gone", "OverflowError: int too large",
    ]  # fmt: skip


@pytest.mark.parametrize("error", [UnreadableDirectory("gone"), KeyError("x")])
def test_one_scan_by_hand_says_its_error_to_whoever_asked(monkeypatch, logged, error):
    scans(monkeypatch, error)
    with pytest.raises((ProdOpsError, KeyError)):
        scanner.run(settings(), once=True)
    assert logged == []


def test_what_the_database_cannot_note_is_said_once(monkeypatch, logged):
    said: list[str] = []
    monkeypatch.setattr(scanner, "say_once", lambda *_, reason: said.append(reason))
    scans(monkeypatch, ScanReport(1, 0, 0, (), ("/a/b.stf: too long",)))
    with pytest.raises(Stopped):
        scanner.run(settings(), once=False)
    assert said == ["/a/b.stf: too long"]
