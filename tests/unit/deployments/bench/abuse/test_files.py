"""Bad files are made as they are drawn."""

from __future__ import annotations

import pytest

from deployments.bench.abuse import files
from deployments.bench.abuse.files import PLACERS, place
from deployments.bench.abuse.inputs import FileInput
from deployments.bench.abuse.published import publish


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
