"""A value that Python cannot hold is read as the nearest that it can, and its row is read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select, text

from flows.common.database import transaction
from flows.common.loaders import EARLIEST, LATEST
from flows.fastmon.models import InboxState, InboxStf

pytestmark = pytest.mark.integration


def read(database, value: str, kind: str) -> Any:
    with transaction(database.ops_engine) as session:
        return session.scalar(text(f"SELECT CAST(:value AS {kind})"), {"value": value})


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("infinity", LATEST),
        ("294276-12-31", LATEST),
        ("10000-01-01", LATEST),
        ("-infinity", EARLIEST),
        ("4713-01-01 BC", EARLIEST),
        ("2026-08-01T12:00:00Z", datetime(2026, 8, 1, 12, tzinfo=UTC)),
        ("9999-06-01Z", datetime(9999, 6, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_within_the_calendar(database, value, at):
    assert read(database, value, "timestamptz") == at


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("infinity", LATEST.date()),
        ("5874897-12-31", LATEST.date()),
        ("-infinity", EARLIEST.date()),
        ("4713-01-01 BC", EARLIEST.date()),
        ("2026-08-01", date(2026, 8, 1)),
    ],
)
def test_a_date_is_read_within_the_calendar(database, value, day):
    assert read(database, value, "date") == day


@pytest.mark.parametrize("kind", ["json", "jsonb"])
@pytest.mark.parametrize(
    "value",
    ["[" * 200 + "]" * 200, "[" * 3000 + "]" * 3000, "9" * 5000, f"[{'[' * 999}{']' * 1000}"],
)
def test_json_that_python_cannot_read_is_its_text(database, kind, value):
    found = read(database, value, kind)
    assert isinstance(found, str)
    assert found.replace(" ", "") == value


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('{"a": [1]}', {"a": [1]}),
        ("null", None),
        ("1", 1),
        ("[" + "[],{}," * 200 + "0]", [[], {}] * 200 + [0]),
        ("[" * 64 + "]" * 64, json.loads("[" * 64 + "]" * 64)),
    ],
)
def test_other_json_is_read_as_ever(database, value, found):
    assert read(database, value, "jsonb") == found


def test_of_several_rows_a_bad_one_keeps_none_from_being_read(database):
    with transaction(database.web_engine) as session:
        for name, at in (("a", "infinity"), ("b", "2026-08-01T12:00:00Z"), ("c", "4000-01-01 BC")):
            session.execute(
                text("""INSERT INTO fastmon_inbox (namespace, stf_filename, state, received_at)
                        VALUES ('', :name, 'waiting', CAST(:at AS timestamptz))"""),
                {"name": name, "at": at},
            )
    with transaction(database.ops_engine) as session:
        rows = session.scalars(select(InboxStf).order_by(InboxStf.id)).all()
    assert [(row.stf_filename, row.state) for row in rows] == [
        (name, InboxState.WAITING) for name in "abc"
    ]
