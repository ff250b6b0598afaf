"""Ids after a restore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from deployments.backup.history import first_event_id

AT = datetime(2026, 11, 30, 5, tzinfo=UTC)
BACKUP = 4711


def test_events_go_on_beyond_what_half_a_year_of_them_may_have_reached():
    assert first_event_id(BACKUP, AT) > BACKUP + 180 * 6_000_000


def test_a_later_restore_of_the_same_backup_gives_no_id_again():
    """All that came after the first one is lost, too: only the time is left."""
    first = first_event_id(BACKUP, AT)
    days = 30
    again = first_event_id(BACKUP, AT + timedelta(days=days))
    assert again > first + days * 6_000_000


def test_an_id_that_is_known_is_passed_though_the_clock_was_set_back():
    newest = first_event_id(BACKUP, AT) + 7
    assert first_event_id(newest, AT - timedelta(days=1)) == newest + 1


def test_a_browser_can_count_with_the_ids():
    assert first_event_id(BACKUP, AT + timedelta(days=36_500)) < 2**53
