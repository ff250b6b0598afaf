"""Watches of what is a state of the database: they hold when it says so, and not before."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from flows.common.database import now
from flows.notifications.domain.words import SubjectKind, WatchFor
from flows.notifications.models import Watch
from flows.notifications.repository import watching
from flows.provenance.models import (
    Availability,
    CampaignSweep,
    Finding,
    PathMatch,
    ProducedDataset,
    RequestedPath,
    Rule,
    SweepState,
)
from tests.pcs_client import Pcs

pytestmark = pytest.mark.integration

_SET_TASK = text("UPDATE pcs_prod_task SET status = :status, panda_task_id = :number")
DID = "epic:/RECO/26.05.0/x"


@pytest.fixture
def session(ops):
    with Session(ops) as session:
        yield session


def watch(session: Session, kind: SubjectKind, subject: str, watch_for: WatchFor) -> None:
    session.add(Watch(username="anna", kind=kind, subject=subject, watch_for=watch_for))
    session.flush()


def held(session: Session, kind: SubjectKind) -> list[str]:
    return sorted(each.watch_for for each in watching.holding(session, kind, None))


def dataset(session: Session, availability: Availability) -> ProducedDataset:
    scope, name = DID.split(":")
    found = ProducedDataset(
        scope=scope, name=name, campaign="26.05.0", stage="RECO", detector_config="d", suffix="x",
        file_count=3, file_bytes=1, counted_files=3, counted_bytes=1,
        availability=availability, checked_at=now(),
    )  # fmt: skip
    session.add(found)
    session.flush()
    return found


@pytest.mark.parametrize(
    ("availability", "told"),
    [(Availability.REPLICATING, ["arrived"]), (Availability.COMPLETE, ["arrived", "complete"])],
)
def test_a_dataset_and_its_path_are_as_complete_as_the_last_sweep_says(session, availability, told):
    for kind, subject in ((SubjectKind.DATASET, DID), (SubjectKind.PATH, "/evgen/x")):
        for watch_for in (WatchFor.ARRIVED, WatchFor.COMPLETE):
            watch(session, kind, subject, watch_for)
    assert held(session, SubjectKind.DATASET) == held(session, SubjectKind.PATH) == []
    made = dataset(session, availability)
    session.add(
        RequestedPath(campaign="26.05.0", path="/evgen/x", suffix="x", finding=Finding.FOUND)
    )
    session.add(PathMatch(campaign="26.05.0", path="/evgen/x", dataset_id=made.id, rule=Rule.EXACT))
    session.flush()
    assert held(session, SubjectKind.DATASET) == held(session, SubjectKind.PATH) == told


@pytest.mark.parametrize(("complete", "told"), [(2, []), (3, ["complete"])])
def test_a_campaign_is_complete_when_each_requested_path_is(session, complete, told):
    watch(session, SubjectKind.CAMPAIGN, "26.05.0", WatchFor.COMPLETE)
    counts = {"requested": 3, "complete": complete}
    session.add(
        CampaignSweep(
            campaign="26.05.0", state=SweepState.OK, attempted_at=now(), seconds=1, counts=counts
        )
    )
    session.flush()
    assert held(session, SubjectKind.CAMPAIGN) == told


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("draft", []),
        ("submitted", ["submitted"]),
        ("completed", ["complete", "ended", "submitted"]),
        ("failed", ["ended", "failed", "submitted"]),
    ],
)
def test_a_task_is_as_pcs_has_it(api, session, status, told):
    Pcs(api).make_task("t1")
    for watch_for in (WatchFor.SUBMITTED, WatchFor.COMPLETE, WatchFor.FAILED, WatchFor.ENDED):
        watch(session, SubjectKind.TASK, "t1", watch_for)
    number = None if status == "draft" else 730
    values = {"status": status, "number": number}
    session.execute(_SET_TASK, values)
    assert held(session, SubjectKind.TASK) == told
    named = watching.holding(session, SubjectKind.TASK, ["t1", "t2"])
    assert len(named) == len(told)
    assert watching.holding(session, SubjectKind.TASK, ["t2"]) == []


def test_a_watch_whose_subject_is_no_number_hinders_none(session):
    watch(session, SubjectKind.REQUEST, "no number", WatchFor.ENDED)
    assert held(session, SubjectKind.REQUEST) == []
    assert watching.holding_already(session, 10) == []
