"""Rows that wait: in order, bounded, and counted where they are dropped."""

from __future__ import annotations

from deployments.log_table.buffer import Buffer


def row(text: str) -> dict[str, str]:
    return {"message": text}


def filled(buffer: Buffer, *texts: str) -> Buffer:
    for each in texts:
        buffer.add(row(each))
    return buffer


def test_rows_come_in_order_and_stay_until_they_are_removed():
    buffer = filled(Buffer(), "a", "b", "c")
    assert buffer.first(2) == buffer.first(2) == [row("a"), row("b")]
    buffer.remove(2)
    assert buffer.first(2) == [row("c")]


def test_beyond_the_bound_new_rows_are_dropped_and_counted_once():
    buffer = filled(Buffer(most_rows=2), "a", "b", "c", "d")
    assert buffer.first(9) == [row("a"), row("b")]
    assert [buffer.take_dropped(), buffer.take_dropped()] == [2, 0]


def test_long_messages_fill_it_sooner_and_leave_their_room_when_they_go():
    buffer = filled(Buffer(most_characters=3000), "x" * 1000, "y" * 2000)
    assert len(buffer) == 1
    buffer.drop(1)
    filled(buffer, "y" * 2000)
    assert (len(buffer), buffer.take_dropped()) == (1, 2)
