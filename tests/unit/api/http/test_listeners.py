"""What a listener is sent and the feed keeps in memory is bounded in bytes."""

from __future__ import annotations

from datetime import UTC, datetime

from api.http.frames import Frame
from api.http.listeners import READ_BYTES, Recent

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def frames(first: int, last: int, *, size: int = 10) -> list[Frame]:
    data = b"x" * size
    return [Frame(n, "note", None, None, None, None, data, NOW) for n in range(first, last + 1)]


def ids(found: list[Frame] | None) -> list[int] | None:
    return found if found is None else [frame.id for frame in found]


def test_events_are_kept_by_number_and_by_bytes():
    recent = Recent(5, 1000)
    recent.extend(frames(1, 10))
    assert ids(recent.between(5, 10)) == [6, 7, 8, 9, 10]
    assert recent.between(4, 10) is None
    recent.extend(frames(11, 12, size=400))
    assert ids(recent.between(7, 12)) == [8, 9, 10, 11, 12]
    recent.extend(frames(13, 13, size=600))
    assert ids(recent.between(11, 13)) == [12, 13]
    assert recent.between(10, 13) is None


def test_one_event_is_kept_whatever_its_size():
    recent = Recent(5, 10)
    recent.extend(frames(1, 3, size=100))
    assert ids(recent.between(2, 3)) == [3]
    assert recent.between(1, 3) is None


def test_what_was_missed_is_given_in_pieces_of_bounded_size():
    recent = Recent(100, 10 * READ_BYTES)
    recent.extend(frames(1, 10, size=READ_BYTES // 3))
    assert ids(recent.between(0, 10)) == [1, 2, 3]
    assert ids(recent.between(9, 10)) == [10]
    assert ids(recent.between(10, 10)) == []
    recent.extend(frames(11, 12, size=2 * READ_BYTES))
    assert ids(recent.between(10, 12)) == [11]


def test_nothing_is_said_of_events_before_the_first():
    assert Recent(5, 1000).between(0, 5) is None
