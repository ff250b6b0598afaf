"""What the chaos bench reads of the database: rows as evidence, and events as they come."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import select

from api.pcs.models import Association, Attempt, ProdTask
from deployments.bench.common.stack import BenchStack
from deployments.bench.submission.chaos.evidence import Asked, PcsAttempt, Tried, rows_of
from deployments.bench.submission.chaos.follower import Announcement, Follower
from deployments.stack.stack import Stack
from flows.common import events
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.models import Request, RequestState
from flows.submission import messages
from flows.submission.models import Step, SubmissionAttempt
from tests.conftest import ServedApi
from tests.databases import Database
from tests.waiting import wait_until

CLAIM = Claim(5, 1, None)
ANOTHER = events.message_event({"msg_type": "another"}, subject="one")

pytestmark = pytest.mark.integration


@pytest.fixture
def running(database: Database, served_api: ServedApi) -> Iterator[BenchStack]:
    given = {
        "PRODOPS_DATABASE_URL": str(database.ops_url),
        "PRODOPS_DATABASE_PASSFILE": str(database.ops_passfile),
    }
    stack = SimpleNamespace(api_url=served_api.url, environment=lambda _role: given)
    with served_api.client() as http:
        yield BenchStack(cast("Stack", stack), served_api.token, database.ops_engine, http)


@pytest.fixture
def task(running: BenchStack) -> str:
    (name,) = running.make_tasks(["one"])
    return name


def record(database: Database, task: str, jedi_task_id: int) -> None:
    with transaction(database.web_engine) as session:
        kept = session.scalars(select(ProdTask).where(ProdTask.name == task)).one()
        attempt = Attempt(
            prod_task_id=kept.id,
            try_number=1,
            jedi_task_id=jedi_task_id,
            task_name="group.EIC.one",
            status_snapshot="submitted",
            association_source=next(iter(Association)),
        )
        session.add(attempt)
        session.flush()
        kept.panda_task_id = jedi_task_id


def announce(database: Database, event: events.NewEvent) -> None:
    with transaction(database.ops_engine) as session:
        events.commit(session, [event])


def test_the_rows_of_a_task_are_evidence(running: BenchStack, database: Database, task: str):
    assert running.recorded([task]) == set()
    record(database, task, 7)
    with transaction(database.ops_engine) as session:
        common = {"action": "submit_task", "parameters": {}, "source": "rest"}
        for subject, state, result in (
            (task, RequestState.COMPLETED, None),
            ("group.EIC.one", RequestState.COMPLETED, {"joined": 1}),
            ("another", RequestState.QUEUED, None),
        ):
            session.add(
                Request(subject=subject, state=state, result=result, requested_by="x", **common)
            )
            session.flush()
        session.add(
            SubmissionAttempt(
                task_name=task, panda_name="group.EIC.one", owner="x", request_id=1,
                state="recorded", jedi_task_id=7, ended_at=now(),
            )
        )  # fmt: skip

    found = rows_of(running, task, "group.EIC.one")

    assert found["status"] == "ready"
    assert found["panda_task_id"] == 7
    (row,), (first, joined), (attempt,) = found["rows"], found["requests"], found["attempts"]
    assert row == PcsAttempt(
        id=row.id, try_number=1, task_name="group.EIC.one", jedi_task_id=7,
        status_snapshot="submitted",
    )  # fmt: skip
    assert first == Asked(id=first.id, source="rest", state="completed", attempts=0)
    assert joined.joined == 1
    assert attempt == Tried(
        id=attempt.id, request_id=1, panda_name="group.EIC.one", state="recorded", jedi_task_id=7
    )
    assert rows_of(running, "nothing", "nothing")["status"] is None


def test_what_is_open_recorded_and_new_is_told(running: BenchStack, database: Database, task: str):
    before = running.last_event_id()
    record(database, task, 7)
    announce(database, ANOTHER)
    assert running.recorded([task, "another"]) == {task}
    assert running.event_ids(before) == list(range(before + 1, running.last_event_id() + 1))
    running.wait_calm(0)


def test_events_of_submissions_are_handed_on_with_what_pcs_had_before(
    running: BenchStack, database: Database, task: str
):
    heard: list[Announcement] = []
    announce(database, messages.progress("one", Step.CLAIM, "old", CLAIM))
    with Follower(running.stack, after=running.last_event_id(), handle=heard.append):
        announce(database, messages.progress("one", Step.CLAIM, "", CLAIM))
        announce(database, messages.submitted("one", 7, CLAIM))
        announce(database, ANOTHER)
        record(database, task, 7)
        announce(database, messages.submitted("one", 7, CLAIM))
        wait_until(lambda: len(heard) == 3)

    assert [each.was_recorded for each in heard] == [None, False, True]
    assert {(each.task_name, each.request_id) for each in heard} == {("one", 5)}
    assert heard[1].jedi_task_id == 7
    assert heard[0].payload["step"] == "claim"
