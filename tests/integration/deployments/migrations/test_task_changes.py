"""A production task that was made, changed or deleted is announced, whoever wrote it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from flows.common import events
from flows.common.database import transaction
from flows.common.models import Event
from tests.declared_events import problem_of
from tests.integration.api.pcs.services.test_imports import HEADER, TOP
from tests.pcs_client import Pcs

pytestmark = pytest.mark.integration

CAMPAIGN = "26.05.0"
MOVE = text("UPDATE pcs_prod_task SET campaign_id = (SELECT max(id) FROM pcs_campaign)")
RAISE = text("UPDATE pcs_prod_task SET priority = coalesce(priority, 0) + 1 WHERE name = :name")


@pytest.fixture
def pcs(api) -> Pcs:
    pcs = Pcs(api)
    pcs.add("campaigns", name=CAMPAIGN)
    pcs.good("POST", f"campaigns/{CAMPAIGN}/set-current/")
    return pcs


def announced(engine: Engine) -> list[Any]:
    """The changes so far, each as task and campaign."""
    with transaction(engine) as session:
        query = select(Event).where(Event.msg_type == "prodtask_changed").order_by(Event.id)
        return [(each.subject, each.payload["campaign"]) for each in session.scalars(query)]


def catalog(number: int) -> str:
    rows = (f"a,2,{TOP}EVGEN/SINGLE/pi+/10GeV/{each}deg,,,,,,,,,\n" for each in range(number))
    return HEADER + "".join(rows)


def test_what_is_made_changed_and_deleted_over_rest_is_announced(pcs, database):
    pcs.make_task("one", campaign=CAMPAIGN)
    pcs.good("PATCH", "prod-tasks/one/", {"priority": 2})
    pcs.good("POST", "prod-tasks/one/lock/")
    assert pcs.send("DELETE", "prod-tasks/one/").status_code == 204
    assert announced(database.ops_engine) == [("one", CAMPAIGN)] * 4


def test_the_announcement_has_the_fields_of_every_message(pcs, database):
    pcs.make_task("one")
    with transaction(database.ops_engine) as session:
        [event] = session.scalars(select(Event).where(Event.msg_type == "prodtask_changed"))
        model = events.message_event({"sender": "prodops"} | event.payload, at=event.at)
        assert problem_of(model) is None
    assert event.payload["sent_at"] == event.payload["timestamp"]
    # PostgreSQL leaves out a fraction's last zeros, which `isoformat` writes.
    assert datetime.fromisoformat(event.payload["sent_at"]) == model.at
    assert {"sender_agent", "recipient_agent", "queue_name", "msg_type"} <= event.payload.keys()
    assert (event.namespace, event.processed_by) == (model.namespace, model.processed_by)
    assert (event.request_id, event.payload["task_name"]) == (None, "one")


def test_an_import_is_one_event_and_the_same_again_none(pcs, database):
    imported = {"csv_text": catalog(40)}
    assert pcs.good("POST", "prod-tasks/catalog-import/", imported)["created"] == 40
    assert announced(database.ops_engine) == [(None, CAMPAIGN)]
    pcs.good("POST", "prod-tasks/catalog-import/", imported)
    assert len(announced(database.ops_engine)) == 1


def test_a_task_without_a_campaign_and_one_that_moves_are_announced_for_each_side(pcs, database):
    pcs.make_task("one")
    with transaction(database.ops_engine) as session:
        session.execute(MOVE)
    assert announced(database.ops_engine)[0] == ("one", None)
    assert sorted(announced(database.ops_engine)[1:], key=str) == [("one", CAMPAIGN), ("one", None)]


def test_what_is_rolled_back_is_not_announced(pcs, database):
    pcs.make_task("one")
    pcs.make_task("two", config={})
    with transaction(database.ops_engine) as session:
        session.execute(RAISE, {"name": "one"})
        with Session.begin_nested(session) as part:
            session.execute(RAISE, {"name": "two"})
            part.rollback()
    assert announced(database.ops_engine) == [("one", None), ("two", None), ("one", None)]


def test_the_lock_of_the_events_is_waited_for_at_the_end_only(pcs, database):
    pcs.make_task("one")
    with ThreadPoolExecutor(1) as pool, database.ops_engine.connect() as other:
        other.execute(events._ORDER, {"lock": events._LOCK, "channel": events.CHANNEL})
        with Session(database.web_engine) as session:
            session.execute(RAISE, {"name": "one"})  # at once
            committing = pool.submit(session.commit)
            with pytest.raises(TimeoutError):
                committing.result(timeout=0.3)
            other.rollback()
            committing.result(timeout=20)
    assert announced(database.ops_engine) == [("one", None)] * 2
