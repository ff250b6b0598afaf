"""Every table is kept for a reason, or its settings say when its rows go; pieces go at a pace."""

from __future__ import annotations

import api.ai_memory.models
import api.assessments.models
import api.pcs.models  # noqa: F401 - for the metadata
from flows.common.capabilities import import_models
from flows.common.database import Base
from flows.common.settings import known_names
from flows.housekeeping.domain import TABLES, Kept, Pace, Until


def test_of_every_table_it_is_said_what_is_kept():
    import_models()
    assert set(TABLES) == set(Base.metadata.tables)


def test_what_goes_goes_by_settings_that_there_are():
    named = {each for kept in TABLES.values() if isinstance(kept, Until) for each in kept.settings}
    assert named <= set(known_names())
    assert all(kept.reason for kept in TABLES.values() if isinstance(kept, Kept))


def test_pieces_grow_while_they_are_brief_and_are_bounded():
    pace = Pace(rows=2000)
    for _ in range(10):
        pace.note(0.05)
    assert (pace.rows, pace.rest_seconds) == (20_000, 0.0)


def test_pieces_that_take_long_get_smaller_and_the_database_rests():
    pace = Pace(rows=2000)
    pace.note(0.8)
    assert (pace.rows, pace.rest_seconds) == (1000, 0.8)
    for _ in range(10):
        pace.note(60.0)
    assert (pace.rows, pace.rest_seconds) == (200, 5.0)


def test_pieces_of_a_good_length_stay_as_they_are():
    pace = Pace(rows=2000, rest_seconds=1.0)
    pace.note(0.3)
    assert (pace.rows, pace.rest_seconds) == (2000, 0.0)
