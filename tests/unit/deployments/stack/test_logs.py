"""Logs are followed across rotation, and errors are found in them."""

from pathlib import Path

import pytest

from deployments.stack.child import MARK
from deployments.stack.logs import Follower, last_error, last_lines, last_words
from deployments.stack.watch import Happening, Kind, parse


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "part.log"
    path.write_text("one\ntwo\nthree\n")
    return path


@pytest.fixture
def follower(log: Path):
    follower = Follower(log, lines=2)
    yield follower
    follower.close()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_a_follower_begins_with_the_last_lines(follower: Follower):
    assert follower.news() == ["two", "three"]
    assert follower.news() == []


def test_a_line_is_news_once_it_is_whole(log: Path, follower: Follower):
    follower.news()
    append(log, "fo")
    assert follower.news() == []
    append(log, "ur\n")
    assert follower.news() == ["four"]


def test_nothing_is_lost_over_a_rotation(log: Path, follower: Follower):
    follower.news()
    append(log, "four\n")
    log.rename(log.with_name("part.log.1"))
    log.write_text("five\n")

    assert follower.news() == ["four", "five"]


def test_a_truncated_log_is_read_from_its_beginning(log: Path, follower: Follower):
    follower.news()
    log.write_text("new\n")

    assert follower.news() == ["new"]


def test_a_log_that_comes_later_is_followed(tmp_path: Path):
    follower = Follower(tmp_path / "later.log", lines=5)
    assert follower.news() == []
    (tmp_path / "later.log").write_text("first\n")
    assert follower.news() == ["first"]
    follower.close()


def test_last_lines_reach_into_rotated_logs(log: Path):
    log.with_name("part.log.1").write_text("minus\nzero\n")

    assert last_lines(log, 4) == ["zero", "one", "two", "three"]
    assert last_lines(log, 99) == ["minus", "zero", "one", "two", "three"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("all is well\n", None),
        ("2026 ERROR: disk full\nlater\n", "2026 ERROR: disk full"),
        (f"ERROR old\n{MARK}part (pid 1) at now\nfine\n", None),
        (
            'Traceback (most recent call last):\n  File "x"\npkg.Boom: it broke\nfine\n',
            "pkg.Boom: it broke",
        ),
        ("12:00:01 UTC [7] FATAL:  no space\n", "12:00:01 UTC [7] FATAL:  no space"),
    ],
)
def test_the_last_error_since_the_last_start_is_found(log: Path, text: str, found: str | None):
    log.write_text(text)

    assert last_error(log) == found


def test_the_last_words_are_those_since_the_last_start(log: Path):
    log.write_text(f"old\n{MARK}part (pid 1) at now\nsetting X=1: is wrong\n\n")

    assert last_words(log) == "setting X=1: is wrong"


def test_a_part_without_a_log_has_no_error(tmp_path: Path):
    assert last_error(tmp_path / "none.log") is None


@pytest.mark.parametrize(
    ("line", "happening"),
    [
        ("INFO spawned: 'api' with pid 42", Happening(Kind.SPAWNED, "api", "42")),
        (
            "WARN exited: api (exit status 1; not expected)",
            Happening(Kind.ENDED, "api", "exit status 1"),
        ),
        (
            "WARN exited: api (terminated by SIGKILL; not expected)",
            Happening(Kind.ENDED, "api", "terminated by SIGKILL"),
        ),
        (
            "INFO success: api entered RUNNING state, process has stayed up",
            Happening(Kind.RUNNING, "api"),
        ),
        (
            "INFO gave up: api entered FATAL state, too many start retries",
            Happening(Kind.GAVE_UP, "api"),
        ),
        ("WARN killing 'api' (42) with SIGKILL", Happening(Kind.KILLED, "api")),
        ("INFO supervisord started with pid 4", None),
    ],
)
def test_supervisords_log_tells_what_happened(line: str, happening: Happening | None):
    assert parse(f"2026-11-22 23:37:12,208 {line}") == happening
