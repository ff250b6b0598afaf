"""The three ways in which a run writes: fenced, whole, and through an outage."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common import actions, claiming, claims, events, holding, requests, run
from flows.common.callers import on_ops_side
from flows.common.claims import Claim, ClaimLost
from flows.common.credential_paths import PLACEHOLDER, CredentialPaths
from flows.common.database import transaction
from flows.common.models import Event, Request, RequestState
from flows.common.run import Ending, Run
from tests.databases import Database

pytestmark = pytest.mark.integration


@pytest.fixture
def present(database: Database) -> Iterator[Run]:
    action = actions.get("check_pipeline")
    with transaction(database.ops_engine) as session:
        form = action.parse({})
        requests.accept(session, action, form, caller=on_ops_side("me"), source="test")
        [row] = claiming.claim(session, worker="w", limit=1, lease_seconds=60)
    claims.hold(Claim(row.id, row.attempts))
    with run.opened() as opened:
        yield opened
    claims.hold(None)


def request_of(present: Run) -> Request:
    return present.read(lambda session: requests.get(session, present.claim.request_id))


def kinds_of(present: Run) -> list[str]:
    found = select(Event.msg_type).order_by(Event.id)
    return present.read(lambda session: list(session.scalars(found)))


def event(kind: str) -> events.NewEvent:
    return events.message_event({"msg_type": kind})


def lose_the_first_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first commit happen, and its answer be lost."""
    committed, tries = Session.commit, itertools.count()

    def commit(session: Session) -> None:
        committed(session)
        if next(tries) == 0:
            lost = Exception("the connection broke")
            raise OperationalError("COMMIT", {}, lost, connection_invalidated=True)

    monkeypatch.setattr(Session, "commit", commit)


def test_what_a_run_announces_names_no_path_of_a_credential(present: Run, monkeypatch):
    known = CredentialPaths()
    known.add([Path("/secret/pw")])
    monkeypatch.setattr(run, "credential_paths", known)
    said = events.message_event({"msg_type": "told", "reason": "no /secret/pw"})
    present.write(lambda _, announce: announce(said))
    [payload] = present.read(lambda session: list(session.scalars(select(Event.payload))))
    assert payload["reason"] == f"no {PLACEHOLDER}"


def test_what_is_written_and_its_events_are_one_transaction(present: Run):
    def fail(session: Session, announce: run.Announce) -> None:
        announce(event("told"))
        raise ProdOpsError("no")

    with pytest.raises(ProdOpsError, match="no"):
        present.write(fail)
    assert kinds_of(present) == []
    assert present.write(lambda _, announce: announce(event("told")) or 7) == 7
    assert kinds_of(present) == ["told"]


def test_a_run_that_lost_its_claim_writes_nothing(present: Run):
    present.put_off("later", delay_seconds=0, is_unknown=False)
    for way in (
        lambda: present.write(lambda _, announce: announce(event("told"))),
        lambda: present.finish(Ending()),
        lambda: present.put_off("again", delay_seconds=0),
    ):
        with pytest.raises(ClaimLost):
            way()
    assert kinds_of(present) == []
    assert request_of(present).state == RequestState.QUEUED


def test_an_end_whose_answer_was_lost_is_found_to_have_happened(present: Run, monkeypatch):
    def ending(_: Session, announce: run.Announce) -> Ending:
        announce(event("done"))
        return Ending(result={"found": 1})

    lose_the_first_answer(monkeypatch)
    assert present.finish(ending)
    assert kinds_of(present) == ["done"]
    assert request_of(present).result == {"found": 1}


def test_what_ends_on_a_connection_sees_what_is_staged_there_and_is_committed(present: Run):
    def ending(session: Session, _: run.Announce) -> Ending:
        return Ending(result={"staged": session.scalar(text("SELECT n FROM staged"))})

    with present.engine.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE staged AS SELECT 7 AS n"))
        with pytest.raises(ValueError, match="would not be committed"):
            present.finish(ending, connection=connection)
        connection.commit()
        assert present.finish(ending, connection=connection)
        assert not connection.in_transaction()
    assert request_of(present).result == {"staged": 7}


def test_an_end_on_a_connection_whose_answer_was_lost_is_found_too(present: Run, monkeypatch):
    lose_the_first_answer(monkeypatch)
    with present.engine.connect() as connection:
        assert present.finish(Ending(result={"found": 1}), connection=connection)
    assert request_of(present).result == {"found": 1}


@pytest.mark.parametrize("code", ["40001", "40P01", "25006", "53100"])
def test_what_passes_is_repeated_and_written_once(present: Run, code: str):
    tries = itertools.count()

    def meet_it_first(session: Session, announce: run.Announce) -> None:
        announce(event("done"))
        if next(tries) == 0:
            session.execute(text(f"DO $$ BEGIN RAISE 'no' USING ERRCODE = '{code}'; END $$"))

    present.write(meet_it_first)
    assert (next(tries), kinds_of(present)) == (2, ["done"])


@pytest.mark.parametrize("code", ["42501", "54000"])
def test_a_statements_own_fault_is_raised_at_once(present: Run, code: str):
    tries = itertools.count()

    def fail(session: Session, _: run.Announce) -> None:
        next(tries)
        session.execute(text(f"DO $$ BEGIN RAISE 'no' USING ERRCODE = '{code}'; END $$"))

    with pytest.raises(DBAPIError, match="ERRCODE"):
        present.write(fail)
    assert next(tries) == 1


def test_an_end_by_another_hand_is_not_taken_for_ours(present: Run):
    present.write(lambda session, _: holding.finish(session, present.claim, RequestState.CANCELLED))
    with pytest.raises(ClaimLost):
        present.finish(Ending.failed("broken"))


def test_work_that_gives_no_ending_leaves_the_request_open(present: Run):
    assert not present.finish(lambda _session, _announce: None)
    assert request_of(present).state == RequestState.CLAIMED


def test_what_is_put_off_is_unknown_or_queued(present: Run):
    present.put_off("who knows", delay_seconds=600)
    row = request_of(present)
    assert (row.state, row.error) == (RequestState.UNKNOWN, "who knows")
    assert row.not_before is not None


def test_a_limit_ends_with_the_error_of_its_maker(present: Run):
    assert present.remaining() == float("inf")
    present.limit_to(60, lambda seconds: ProdOpsError(f"over after {seconds:g} s"))
    assert 0 < present.remaining() <= 60
    present.limit_to(0, lambda seconds: ProdOpsError(f"over after {seconds:g} s"))
    with pytest.raises(ProdOpsError, match="over after 0 s"):
        present.remaining()
