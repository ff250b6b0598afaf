"""Which code a part runs, and whether two run the same."""

import subprocess
from pathlib import Path

import pytest

from flows.common import version
from flows.common.version import Version


@pytest.mark.parametrize(
    ("ours", "theirs", "is_same"),
    [
        (Version(package="1", commit="a"), Version(package="1", commit="a"), True),
        (Version(package="1", commit="a"), Version(package="1", commit="b"), False),
        (Version(package="1", commit="a"), Version(package="1"), True),
        (Version(package="1"), Version(package="2"), False),
    ],
)
def test_parts_run_the_same_code_as_far_as_both_say_what_it_is(ours, theirs, is_same):
    assert ours.is_same_code(theirs) is is_same


def test_a_version_comes_back_from_a_row_and_none_from_an_older_part():
    said = Version(package="1", commit="a", schema="0030")
    assert Version.of_row(said.row()) == said
    assert [Version.of_row(each) for each in (None, {}, {"package": 1}, "1")] == [None] * 4


def test_a_checkout_says_its_commit_and_whatever_is_none_says_nothing(tmp_path: Path):
    assert version.commit_of(tmp_path) == ""
    (tmp_path / ".git").mkdir()
    assert version.commit_of(tmp_path) == "", "no repository"
    root = Path(version.__file__).parents[2]
    if (root / ".git").exists():
        told = subprocess.check_output(["git", "-C", root, "rev-parse", "HEAD"], text=True)
        assert len(version.commit_of(root)) >= 8
        assert told.startswith(version.commit_of(root))


def test_without_git_the_commit_is_not_known(monkeypatch, tmp_path: Path):
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert version.commit_of(tmp_path) == ""


def test_an_installation_may_say_its_commit_in_a_file(tmp_path: Path):
    stamp = tmp_path / "commit.txt"
    assert version._stamped(stamp) == ""
    stamp.write_text("20ddccf6\n")
    assert version._stamped(stamp) == "20ddccf6"
    stamp.write_bytes(b"\xff\xfe")
    assert version._stamped(stamp) == ""
