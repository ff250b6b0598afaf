"""The relay's look at Prefect: whatever the event stream dropped is told, and nothing twice."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.exceptions import ObjectNotFound
from sqlalchemy import select, update

from deployments.relay import owners, service
from deployments.relay.messages import Belonging, RunState
from deployments.relay.prefect_states import state_of_rest
from deployments.relay.repository import StateRepository
from flows.common.database import transaction
from flows.common.models import Event, RelayedState, Request, RequestState
from flows.common.settings import settings
from tests.databases import Database
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

BEGAN = datetime(2026, 11, 22, 12, tzinfo=UTC)
NAMES = ("Scheduled", "Pending", "Running", "Completed")


@dataclass
class FakePrefect:
    """The two reads of Prefect's REST that the relay makes."""

    histories: dict[uuid.UUID, list[Any]] = field(default_factory=dict)
    reads: int = 0

    def run(self, *names: str) -> uuid.UUID:
        flow_run_id = uuid.uuid4()
        self.histories[flow_run_id] = [
            SimpleNamespace(
                id=uuid.uuid4(),
                type=SimpleNamespace(value=name.upper()),
                name=name,
                timestamp=BEGAN + timedelta(seconds=second),
            )
            for second, name in enumerate(names)
        ]
        return flow_run_id

    async def read_flow_runs(self, *, limit: int, offset: int, **_: Any) -> list[SimpleNamespace]:
        found = sorted(self.histories)[offset : offset + limit]
        return [SimpleNamespace(id=each, state=self.histories[each][-1]) for each in found]

    async def read_flow_run_states(self, flow_run_id: uuid.UUID) -> list[Any]:
        self.reads += 1
        return self.histories[flow_run_id]

    async def read_flow_run(self, flow_run_id: uuid.UUID) -> SimpleNamespace:
        return SimpleNamespace(id=flow_run_id, idempotency_key=None)


@pytest.fixture
def prefect() -> FakePrefect:
    return FakePrefect()


@pytest.fixture
def repository(database: Database) -> StateRepository:
    return StateRepository(database.ops_engine)


def look(relay: service._Service, prefect: FakePrefect) -> None:
    """One look, and the writing of what it found."""

    async def work() -> None:
        await relay._look_once(prefect)
        states = [relay._queue.get_nowait() for _ in range(relay._queue.qsize())]
        if states:
            await relay._relay(prefect, states)

    asyncio.run(work())


@pytest.fixture
def new_relay(database: Database) -> Iterator[Callable[[], service._Service]]:
    """Makes relays, as each start of the part does."""
    made: list[service._Service] = []

    def make() -> service._Service:
        made.append(service._Service(settings()))
        return made[-1]

    yield make
    for relay in made:
        relay._repository.engine.dispose()


@pytest.fixture
def relay(new_relay: Callable[[], service._Service]) -> service._Service:
    return new_relay()


def told(database: Database) -> list[str]:
    with transaction(database.ops_engine) as session:
        events = session.scalars(select(Event).order_by(Event.id))
        return [event.payload["state_name"] for event in events]


def states_of(prefect: FakePrefect, flow_run_id: uuid.UUID) -> list[RunState]:
    return [state_of_rest(flow_run_id, state) for state in prefect.histories[flow_run_id]]


def test_every_state_of_a_run_is_told_in_order_and_once(database, prefect, new_relay):
    prefect.run(*NAMES)
    relay = new_relay()
    for each in (relay, relay, new_relay()):
        look(each, prefect)
    assert told(database) == list(NAMES)


def test_an_older_state_that_was_dropped_is_told_though_the_last_one_was(
    database, prefect, relay, repository
):
    run = prefect.run(*NAMES)
    repository.relay([(state, None) for state in states_of(prefect, run)[2:]])
    look(relay, prefect)
    assert sorted(told(database)) == sorted(NAMES)


def test_a_run_that_did_not_change_is_not_read_again(database, prefect, relay):
    run = prefect.run(*NAMES[:3])
    look(relay, prefect)
    look(relay, prefect)
    assert prefect.reads == 1
    later = prefect.run("Completed")
    prefect.histories[run] += prefect.histories.pop(later)
    look(relay, prefect)
    assert (prefect.reads, told(database)) == (2, list(NAMES))


def test_more_runs_than_prefect_gives_at_once_are_all_told(database, prefect, relay):
    for _ in range(service._PAGE + 1):
        prefect.run("Completed")
    look(relay, prefect)
    assert len(told(database)) == service._PAGE + 1


def test_after_a_long_absence_the_look_goes_back_to_what_was_told_last(
    database, prefect, relay, repository, monkeypatch
):
    run = prefect.run(*NAMES)
    repository.relay([(state, None) for state in states_of(prefect, run)])
    long_ago = datetime.now(UTC) - timedelta(hours=5)
    with transaction(database.ops_engine) as session:
        session.execute(update(RelayedState).values(at=long_ago))
    since = []

    async def recent_runs(_: Any) -> list[Any]:
        since.append(relay._looked_at)
        return []

    monkeypatch.setattr(relay, "_recent_runs", recent_runs)
    look(relay, prefect)
    assert since == [long_ago]


def test_an_outage_of_prefect_delays_what_is_queued_and_drops_nothing(
    database, prefect, relay, monkeypatch
):
    run = prefect.run(*NAMES)
    monkeypatch.setattr(service, "_RECONNECT_SECONDS", 0.01)
    outage = itertools.chain([httpx.ConnectError("refused")] * 2, itertools.repeat(None))
    read = prefect.read_flow_run

    async def read_or_break(flow_run_id: uuid.UUID) -> Any:
        if error := next(outage):
            raise error
        return await read(flow_run_id)

    monkeypatch.setattr(prefect, "read_flow_run", read_or_break)

    async def work() -> None:
        for state in states_of(prefect, run):
            relay._queue.put_nowait(state)
        writing = asyncio.create_task(relay._write(prefect))
        await asyncio.to_thread(wait_until, lambda: len(told(database)) == len(NAMES))
        writing.cancel()

    asyncio.run(work())
    assert told(database) == list(NAMES)


def test_a_state_that_cannot_be_written_hinders_no_other(database, prefect, relay, repository):
    states = states_of(prefect, prefect.run("Pending", *NAMES))
    states[0] = replace(states[0], state_id="no uuid")
    asyncio.run(relay._relay(prefect, states))
    assert told(database) == list(NAMES)


@pytest.mark.slow
def test_more_states_at_once_than_a_statement_has_parameters_are_relayed(database, repository):
    run = uuid.uuid4()
    many = [
        RunState(
            state_id=uuid.uuid4(), flow_run_id=run, state_type="RUNNING", state_name="Running",
            timestamp=BEGAN,
        )
        for _ in range(22_000)  # three columns each
    ]  # fmt: skip
    assert repository.relay([(each, None) for each in many]) == len(many)
    ids = [each.state_id for each in many]
    assert repository.unknown([*ids, uuid.uuid4()] * 3).isdisjoint(ids)


def test_a_state_names_its_request_by_the_row_or_by_the_runs_key(
    database, prefect, relay, repository
):
    by_row, by_key = prefect.run("Running"), prefect.run("Pending")
    with transaction(database.ops_engine) as session:
        row = Request(
            action="a", parameters={}, subject="s", requested_by="me", source="test",
            flow_run_id=by_row,
        )  # fmt: skip
        session.add(row)
        session.flush()
        request_id = row.id
    belonging = Belonging(request_id, "a", "s")
    assert repository.belongings({by_row: None, by_key: None}) == {by_row: belonging}
    assert repository.belonging(request_id) == belonging
    look(relay, prefect)
    with transaction(database.ops_engine) as session:
        found = session.scalars(select(Event).where(Event.flow_run_id == by_row)).one()
    assert (found.request_id, found.payload["action"]) == (request_id, "a")


@pytest.mark.parametrize(
    ("state", "is_believed"),
    [
        (RequestState.CLAIMED, True),
        (RequestState.RUNNING, True),
        (RequestState.QUEUED, False),
        (RequestState.COMPLETED, False),
    ],
)
@pytest.mark.parametrize("has_run", [False, True])
def test_a_tag_names_the_request_of_a_run_only_where_its_row_can_name_none_yet(
    database, repository, state, is_believed, has_run
):
    tagged = uuid.uuid4()
    with transaction(database.ops_engine) as session:
        row = Request(
            action="a", parameters={}, subject="s", requested_by="me", source="test", state=state,
            flow_run_id=uuid.uuid4() if has_run else None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        request_id = row.id
    found = repository.belongings({tagged: request_id})
    assert found == ({tagged: Belonging(request_id, "a", "s")} if is_believed > has_run else {})


def test_prefect_is_not_asked_for_the_run_whose_tag_names_its_request(
    database, prefect, relay, monkeypatch
):
    run = prefect.run("Scheduled")
    with transaction(database.ops_engine) as session:
        row = Request(
            action="a", parameters={}, subject="s", requested_by="me", source="test",
            state=RequestState.CLAIMED,
        )  # fmt: skip
        session.add(row)
        session.flush()
        request_id = row.id
    monkeypatch.setattr(prefect, "read_flow_run", None)
    tagged = [replace(each, tagged_request_id=request_id) for each in states_of(prefect, run)]
    asyncio.run(relay._relay(prefect, tagged))
    assert request_ids(database) == [request_id]


def test_states_are_read_of_no_run_whose_events_came_without_a_gap(database, prefect, relay):
    run = prefect.run(*NAMES)
    asyncio.run(relay._relay(prefect, chained(states_of(prefect, run))))
    look(relay, prefect)
    assert (prefect.reads, told(database)) == (0, list(NAMES))


@pytest.mark.parametrize("dropped", range(len(NAMES)))
def test_states_are_read_of_a_run_of_which_an_event_was_dropped(database, prefect, relay, dropped):
    states = chained(states_of(prefect, prefect.run(*NAMES)))
    del states[dropped]
    asyncio.run(relay._relay(prefect, states))
    look(relay, prefect)
    assert prefect.reads == 1
    assert sorted(told(database)) == sorted(NAMES)


def chained(states: list[RunState]) -> list[RunState]:
    """The states as Prefect's events tell of them."""
    first = replace(states[0], is_first=True)
    rest = itertools.pairwise(states)
    return [first, *(replace(each, previous_id=before.state_id) for before, each in rest)]


def test_a_state_that_prefect_announces_before_it_commits_the_run_names_its_request(
    database, prefect, relay, monkeypatch
):
    run = prefect.run("Scheduled")
    prefect.histories[run][0].timestamp = datetime.now(UTC)
    with transaction(database.ops_engine) as session:
        row = Request(action="a", parameters={}, subject="s", requested_by="me", source="test")
        session.add(row)
        session.flush()
        request_id = row.id
    looks = itertools.count()

    async def read_flow_run(flow_run_id: uuid.UUID) -> SimpleNamespace:
        if next(looks) < 2:
            raise ObjectNotFound(http_exc=None)
        return SimpleNamespace(id=flow_run_id, idempotency_key=f"{request_id}:1")

    monkeypatch.setattr(prefect, "read_flow_run", read_flow_run)
    asyncio.run(relay._relay(prefect, states_of(prefect, run)))
    assert (told(database), request_ids(database)) == (["Scheduled"], [request_id])


@pytest.mark.parametrize("is_new", [True, False])
def test_a_state_of_a_deleted_run_is_told_without_a_request(
    database, prefect, relay, monkeypatch, is_new
):
    run = prefect.run("Scheduled")
    if is_new:
        prefect.histories[run][0].timestamp = datetime.now(UTC)
    monkeypatch.setattr(owners, "_COMMIT_SECONDS", 2.0)
    looks: list[uuid.UUID] = []

    async def read_flow_run(flow_run_id: uuid.UUID) -> None:
        looks.append(flow_run_id)
        raise ObjectNotFound(http_exc=None)

    monkeypatch.setattr(prefect, "read_flow_run", read_flow_run)
    asyncio.run(relay._relay(prefect, states_of(prefect, run)))
    assert (told(database), request_ids(database)) == (["Scheduled"], [None])
    assert (len(looks) > 1) is is_new, "only a new run is waited for"


def request_ids(database: Database) -> list[int | None]:
    with transaction(database.ops_engine) as session:
        return list(session.scalars(select(Event.request_id).order_by(Event.id)))


# ------------------------------------------------------------------ one bad state or run


def test_one_run_whose_states_cannot_be_read_keeps_no_others_from_being_told_and_is_read_again(
    database, prefect, relay, monkeypatch
):
    gone, good = prefect.run("Pending"), prefect.run("Completed")
    read = prefect.read_flow_run_states
    answers = {gone: [ObjectNotFound(Exception("deleted")), None], good: [None]}

    async def read_or_fail(flow_run_id: uuid.UUID) -> list[Any]:
        if error := answers[flow_run_id].pop(0):
            raise error
        return await read(flow_run_id)

    monkeypatch.setattr(prefect, "read_flow_run_states", read_or_fail)
    look(relay, prefect)
    assert told(database) == ["Completed"]
    look(relay, prefect)
    assert told(database) == ["Completed", "Pending"]


@pytest.mark.slow
def test_a_state_that_cannot_be_written_keeps_no_others_from_being_told(database, prefect, relay):
    run = prefect.run(*NAMES)
    prefect.histories[run][1].type.value = "\x00"
    prefect.histories[run][2].name = "half a \ud83d"
    before_time = SimpleNamespace(id=uuid.uuid4(), type=None, name="", timestamp=None)
    prefect.histories[prefect.run("Crashed")].append(before_time)
    look(relay, prefect)
    assert {"Scheduled", "Completed"} <= set(told(database))


def test_a_run_whose_request_cannot_be_found_out_is_told_without_one(
    database, prefect, relay, monkeypatch
):
    async def refuse(_: uuid.UUID) -> None:
        response = httpx.Response(422, request=httpx.Request("GET", "http://prefect"))
        raise httpx.HTTPStatusError("no", request=response.request, response=response)

    prefect.run("Completed")
    monkeypatch.setattr(prefect, "read_flow_run", refuse)
    look(relay, prefect)
    assert told(database) == ["Completed"]
