"""Bad files are made as they are drawn; what unpacks archives is seen to crash."""

from __future__ import annotations

import pytest

from blocks.errors import ProdOpsError
from deployments.bench.abuse import files
from deployments.bench.abuse.files import ARCHIVE, PLACERS, draw_files, place, publish, unpack_one
from deployments.bench.abuse.inputs import FileInput


@pytest.mark.parametrize("kind", PLACERS)
def test_each_kind_of_file_is_made(tmp_path, kind):
    place(tmp_path, FileInput(kind, b"a.stf", b"x"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.stf"]


def test_a_name_that_the_file_system_does_not_take_is_left_out(tmp_path):
    place(tmp_path, FileInput("regular", b"x" * 300, b""))
    assert list(tmp_path.iterdir()) == []


def test_a_log_is_published_with_the_mark_and_origin_that_were_drawn(tmp_path):
    directory = publish(tmp_path, 7, FileInput(files.PUBLISHED, b"7", b"mark\0\0[]"))
    assert (directory / ".done").read_bytes() == b"mark"
    assert (directory / ".origin").read_bytes() == b"[]"


def test_no_bad_archive_ends_a_fetch():
    archives = [each for each in draw_files(11, 120) if each.kind == ARCHIVE]
    assert len(archives) == 40
    assert [why for each in archives if (why := unpack_one(each))] == []


def test_an_error_that_is_none_of_ours_is_seen(monkeypatch):
    def crash(*_args: object, **_more: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(files, "unpack", crash)
    assert unpack_one(FileInput(ARCHIVE, b"x")) == "RecursionError: too deep"


def test_an_error_of_ours_is_not(monkeypatch):
    def refuse(*_args: object, **_more: object) -> None:
        raise ProdOpsError("no archive")

    monkeypatch.setattr(files, "unpack", refuse)
    assert unpack_one(FileInput(ARCHIVE, b"x")) == ""


def test_what_is_written_elsewhere_is_seen(monkeypatch):
    def escape(archive, *_args: object, **_more: object) -> None:
        (archive.parent / "escaped").touch()

    monkeypatch.setattr(files, "unpack", escape)
    assert "escaped" in unpack_one(FileInput(ARCHIVE, b"x"))
