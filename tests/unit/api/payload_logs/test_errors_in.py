"""Which lines of a log look like errors."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from api.payload_logs.errors_in import last_errors, looks_bad
from api.payload_logs.files import OpenLog, open_log


@pytest.mark.parametrize(
    "line",
    [
        "eicrecon ERROR no field map",
        "RuntimeError: podio could not write",
        "  error: no such file",
        "Traceback (most recent call last):",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        " *** Break *** segmentation violation",
        "Killed",
        "payload finished with exit code: 65",
        '"exeErrorCode": 1305',
        "OSError: [Errno 28] No space left on device",
    ],
)
def test_a_line_that_tells_of_an_error_looks_bad(line):
    assert looks_bad(line)


@pytest.mark.parametrize(
    "line",
    ["all good", "0 errors", "errors: 0", "exit code: 0", "no errors, ERROR counter", "Killed it"],
)
def test_a_line_that_tells_of_none_does_not(line):
    assert not looks_bad(line)


def test_no_line_of_a_payload_takes_long_to_judge():
    awkward = ["a." * 1000, "exit code" + " " * 2000, "std::" + "a" * 2000, "Error" * 400]
    began = time.process_time()
    assert not any(looks_bad(line) for line in awkward * 50)
    assert time.process_time() - began < 1


@pytest.fixture
def log(tmp_path: Path) -> OpenLog:
    stdout = "".join(f"line {each}\nERROR {each}\n" for each in range(30))
    members = {"payload.stdout": stdout, "payload.stderr": "FATAL last\n" + "x" * 400}
    for name, text in members.items():
        (tmp_path / name).write_text(text)
    (tmp_path / ".done").write_text(",".join(members) + "\n")
    found = open_log(tmp_path)
    assert found is not None
    return found


def test_the_last_errors_are_told_with_their_places(log):
    with log:
        found = last_errors(log, 3)
        assert [each.text for each in found] == ["ERROR 28", "ERROR 29", "FATAL last"]
        assert [each.member for each in found] == ["payload.stdout"] * 2 + ["payload.stderr"]
        member = log.member("payload.stdout")
        assert b"".join(member.chunks(found[0].offset))[:8] == b"ERROR 28"
