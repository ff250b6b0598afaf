"""Payload logs: what people are told of them."""

from __future__ import annotations

import pytest

from flows.payload_logs.domain import words as domain
from flows.payload_logs.models import PayloadLog


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1200, "1.2 kB"), (99_960, "100 kB"), (999_600, "1.0 MB"),
     (12_345_678, "12 MB"), (2 * 1024**3, "2.1 GB")],
)  # fmt: skip
def test_sizes_in_words(size, words):
    assert domain.in_words(size) == words


def other(number: int) -> dict[str, object]:
    return {"path": f"core.{number}", "size_bytes": 12, "reason": ""}


def test_a_log_that_is_all_shown_needs_no_remark():
    members = [{"name": "payload.stdout", "path": "job.zip-1/payload.stdout", "size_bytes": 1}]
    log = PayloadLog(pandaid=1, located_by="panda", members=members, unshown=[], unshown_count=0)
    assert domain.remarks_of(log) == []


def test_of_many_others_the_first_are_named_and_all_are_counted():
    log = PayloadLog(
        pandaid=1, located_by="panda", members=[], unshown=[other(n) for n in range(100)],
        unshown_count=250,
    )  # fmt: skip
    (line,) = domain.remarks_of(log)
    assert line.startswith("not shown: core.0 (12 B), core.1 (12 B)")
    assert line.endswith("core.19 (12 B), and 230 more")
