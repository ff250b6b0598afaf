"""Bad archives end no fetch; what does is seen."""

from __future__ import annotations

import random

from blocks.errors import ProdOpsError
from deployments.bench.abuse import archives
from deployments.bench.abuse.archives import bad_archive, unpack_one


def test_no_bad_archive_ends_a_fetch():
    chance = random.Random(11)
    ends = [unpack_one(bad_archive(chance)) for _ in range(40)]
    assert [end for end in ends if end] == []


def test_an_error_that_is_none_of_ours_is_seen(monkeypatch):
    def crash(*_args: object, **_more: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(archives, "unpack", crash)
    assert unpack_one(b"x") == "RecursionError: too deep"


def test_an_error_of_ours_is_not(monkeypatch):
    def refuse(*_args: object, **_more: object) -> None:
        raise ProdOpsError("no archive")

    monkeypatch.setattr(archives, "unpack", refuse)
    assert unpack_one(b"x") == ""


def test_what_is_written_elsewhere_is_seen(monkeypatch):
    def escape(archive, *_args: object, **_more: object) -> None:
        (archive.parent / "escaped").touch()

    monkeypatch.setattr(archives, "unpack", escape)
    assert "escaped" in unpack_one(b"x")
