"""When what is sent: within the rate, after an outage, and never one twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.notifications.domain.pacing import Turn, Waiting, next_turn, summary_of
from flows.notifications.domain.words import Outcome, Severity

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


def waiting(number: int, **more) -> Waiting:
    given = {
        "at": NOW,
        "name": "submit_task",
        "outcome": Outcome.COMPLETED,
        "subject": f"t{number}",
    }
    return Waiting(**{"id": number, "severity": Severity.INFO, **given, **more})


def turn(*found: Waiting, room: int = 5) -> Turn:
    return next_turn(found, room=room, now=NOW, backlog_seconds=600)


def test_one_by_one_within_the_rate():
    assert turn(waiting(1), waiting(2)) == Turn((1,))


def test_nothing_where_there_is_no_room_or_nothing_waits():
    assert turn(waiting(1), room=0) == turn() == Turn()


def test_what_is_over_the_rate_becomes_one_summary():
    assert turn(waiting(1), waiting(2), waiting(3), room=2) == Turn((1, 2, 3), is_summary=True)


def test_what_was_tried_goes_first_and_alone():
    assert turn(waiting(1), waiting(2, tries=3), *map(waiting, range(3, 99))) == Turn((2,))


def test_the_backlog_of_an_outage_is_a_summary_within_the_rate_too():
    old = [waiting(number, at=NOW - timedelta(days=1)) for number in range(4)]
    assert turn(*old) == Turn((0, 1, 2, 3), is_summary=True)
    assert turn(*old[:3]) == Turn((0,))


def test_a_summary_is_not_summarised():
    summary = waiting(1, is_summary=True)
    assert turn(summary, waiting(2), room=1) == Turn((1,))
    assert turn(summary, waiting(2), waiting(3), room=1) == Turn((2, 3), is_summary=True)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30), st.integers(-1, 10))
def test_a_turn_is_of_what_waits_and_a_summary_of_several_fresh_ones(found, room):
    rows = [waiting(n, tries=tries, is_summary=old) for n, (tries, old) in enumerate(found)]
    chosen = turn(*rows, room=room)
    ids = {each.id: each for each in rows}
    assert set(chosen.ids) <= ids.keys()
    assert bool(chosen.ids) == (bool(rows) and room > 0)
    if chosen.is_summary:
        assert len(chosen.ids) > 1
        assert not any(ids[each].tries or ids[each].is_summary for each in chosen.ids)


def test_a_summary_counts_outcomes_and_names_what_failed():
    failed = {"outcome": Outcome.FAILED, "severity": Severity.ERROR}
    held = [waiting(1), waiting(2), waiting(3, **failed)]
    columns = summary_of(held)
    assert columns["title"] == "3 more: 2 completed, 1 failed"
    assert (columns["outcome"], columns["severity"]) == (Outcome.FAILED, Severity.ERROR)
    assert columns["body"]["failed"] == ["submit_task t3"]
