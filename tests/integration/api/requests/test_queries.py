"""What requests wait for is read of the database, for a page at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from api.requests import queries
from flows.common import standing
from flows.common.database import now, transaction
from flows.common.models import OPEN, PartKind, Request, RequestState
from flows.common.wait_reasons import WaitKind, WaitReason
from tests.databases import Database

pytestmark = pytest.mark.integration

CEILING = WaitReason(kind=WaitKind.CEILING, text="are worked on", action="read_did", limit=1)


def ask(database: Database, number: int = 1, **values: object) -> list[Request]:
    known = {"action": "read_did", "parameters": {}, "requested_by": "me", "source": "test"}
    with transaction(database.ops_engine) as session:
        made = [Request(**(known | values)) for _ in range(number)]
        session.add_all(made)
        session.flush()
    return made


@pytest.fixture
def heard(database: Database) -> None:
    """A worker is heard."""
    beat(database)


def beat(database: Database, *reasons: WaitReason) -> None:
    with transaction(database.ops_engine) as session:
        rows = [each.row() for each in reasons]
        standing.beat(session, PartKind.WORKER, "a", prefect_answers=True, wait_reasons=rows)


def waits(database: Database, rows: list[Request]) -> list[str]:
    with transaction(database.web_engine) as session:
        found = queries.waits(session, rows)
    return [found[row.id].text for row in rows if row.id in found]


def test_requests_wait_in_turn_and_what_is_worked_on_or_has_ended_does_not(database, heard):
    ask(database, state="running", claimed_at=now())
    ask(database, state="completed")
    first, second = ask(database, 2)
    third = ask(database, action="submit_task")[0]
    assert waits(database, [first, second, third]) == [
        "a worker is to take it: it is the next",
        "its turn: 1 older request waits",
        "its turn: 2 older requests wait",
    ]
    assert waits(database, ask(database, state="running")) == []


def test_a_full_ceiling_is_said_with_when_it_became_full(database, heard):
    claimed = now() - timedelta(seconds=30)
    ask(database, state="running", claimed_at=claimed)
    [waiting] = ask(database, created_at=claimed - timedelta(seconds=30))
    beat(database, CEILING)
    with transaction(database.web_engine) as session:
        wait = queries.waits(session, [waiting])[waiting.id]
    assert (wait.text, wait.since) == ("1 of 1 are worked on", claimed)


def test_a_rate_counts_what_was_begun_within_the_last_minute(database, heard):
    ask(database, state="completed", claimed_at=now() - timedelta(seconds=10))
    ask(database, state="completed", claimed_at=now() - timedelta(seconds=90))
    rows = ask(database)
    for limit, text in [(1, "1 of 1 begun"), (2, "a worker is to take it: it is the next")]:
        rate = WaitReason(kind=WaitKind.RATE, text="begun", action="read_did", limit=limit)
        beat(database, rate)
        assert waits(database, rows) == [text]


def test_the_statements_of_a_page_are_those_of_one_request(database, heard):
    rows = [*ask(database, 30), *ask(database, 30, action="submit_task")]
    rows += ask(database, 5, not_before=now() + timedelta(hours=1))
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(database.web_engine, "before_cursor_execute", note)
    numbers = []
    for some in (rows[:1], rows):
        said.clear()
        assert len(waits(database, some)) == len(some)
        numbers.append(len(said))
    event.remove(database.web_engine, "before_cursor_execute", note)
    assert numbers[0] == numbers[1] <= 5


def test_more_older_requests_than_are_counted_are_said_to_be_more(database, heard):
    rows = ask(database, standing.MOST_COUNTED + 2)
    assert waits(database, rows[-1:]) == ["its turn: more than 1\u202f000 older requests wait"]


@pytest.mark.parametrize("state", list(RequestState))
def test_a_list_of_a_state_has_its_requests_alone_the_newest_first(database, state):
    for _ in range(2):
        for each in RequestState:
            ask(database, state=each)
    wanted = queries.Filter(state=state)
    with transaction(database.web_engine) as session:
        count, paged = queries.page(session, wanted, limit=10, offset=0)
        followed = queries.following(session, wanted, queries.BEGIN, 10)
        place = queries.Place(followed[0].id, is_open=state in OPEN)
        older = queries.following(session, wanted, place, 10)
    assert [row.state for row in paged] == [state, state]
    assert [row.id for row in paged] == [row.id for row in followed]
    assert paged[0].id > paged[1].id
    assert [row.id for row in older] == [paged[1].id]
    assert count == len(paged)


def test_no_request_is_both_open_and_ended(database):
    ask(database, state="completed")
    with transaction(database.web_engine) as session:
        wanted = queries.Filter(state="completed", is_open=True)
        assert queries.page(session, wanted, limit=10, offset=0) == (0, [])
