"""What the pages say may be done to a task is what PCS's services do."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from api.pcs.models import ProdTask, TaskStatus
from api.pcs.queries import tasks
from api.pcs.services import submission
from api.pcs.services.access import Actor
from api.submission.domain import Operation, refusals
from api.submission.queries import detail
from blocks.errors import ProdOpsError
from flows.common.callers import DEFAULT, Caller, Means, Proof
from flows.common.database import transaction
from flows.common.settings import settings
from tests.pcs_client import CONFIG, Pcs

pytestmark = pytest.mark.integration


@pytest.fixture
def pcs(api):
    return Pcs(api)


@pytest.fixture
def tester(served_api):
    proof = Proof(means=Means.TOKEN, value=served_api.token)
    return Caller("tester", Means.TOKEN, DEFAULT, proof=proof)


DO = {
    Operation.SUBMIT: submission.submit,
    Operation.RERUN: submission.rerun,
    Operation.LOCK: lambda session, name, actor: submission.set_status(
        session, name, "ready", actor
    ),
    Operation.DRAFT: lambda session, name, actor: submission.set_status(
        session, name, "draft", actor
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("is_relaxed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_buttons_say_what_pcs_would(pcs, database, monkeypatch, tester, is_relaxed):
    """For every status, readiness and id of a task: as PCS's services decide, so the page."""
    monkeypatch.setenv("PRODOPS_PCS_RELAXED", str(is_relaxed))
    settings.cache_clear()
    ready, unready = pcs.make_ready("a"), pcs.make_task("b", config={**CONFIG, "data": {}})
    for task, status, jedi in itertools.product((ready, unready), TaskStatus, (None, 77)):
        with transaction(database.web_engine) as session:
            values = {"status": status, "panda_task_id": jedi}
            session.execute(update(ProdTask).where(ProdTask.id == task["id"]).values(values))
        for operation in Operation:
            said = shown(database.web_engine, task["id"], operation, tester)
            assert said == done(database.web_engine, task["id"], operation, tester), (
                operation, status, jedi, task["name"],
            )  # fmt: skip


def shown(engine, key: int, operation: Operation, tester: Caller) -> bool:
    """Whether the page lets its reader do it."""
    with transaction(engine) as session:
        task = tasks.load(session, key)
        [standing] = detail.standings(session, [task], settings())
        is_relaxed = settings().pcs.relaxed
        return not refusals(operation, standing, caller=tester, is_relaxed=is_relaxed)


def done(engine, key: int, operation: Operation, tester: Caller) -> bool:
    """Whether PCS does it, and changes something by it; it is taken back."""
    actor = Actor(tester, is_relaxed=settings().pcs.relaxed)
    with Session(engine) as session:
        before = tasks.load(session, key).status
        try:
            DO[operation](session, str(key), actor)
        except ProdOpsError:
            return False
        is_status = operation in {Operation.LOCK, Operation.DRAFT}
        return not is_status or tasks.load(session, key).status != before
