"""What the holder of a claim writes, and an attempt that was given up cannot."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flows.common import column_types, holding
from flows.common.callers import Caller
from flows.common.claims import Claim, ClaimLost
from flows.common.credential_paths import PLACEHOLDER, CredentialPaths
from flows.common.database import transaction
from flows.common.models import RequestState
from flows.common.requests import Accepted
from tests.support.requests import (
    ACTION,
    accept,
    asked,
    at_once,
    claim,
    claimed,
    claimed_ids,
    finish,
    give_back,
    row,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("know")]


def test_an_attempt_that_was_given_up_can_no_longer_write(ops: Engine):
    old = claimed(ops)
    give_back(ops, old)
    (again,) = claim(ops)
    for write in (
        lambda session: holding.finish(session, old, RequestState.COMPLETED),
        lambda session: holding.note_flow_run(session, old, state=RequestState.RUNNING),
        lambda session: holding.fence(session, old),
        lambda session: holding.succeed(session, old),
        lambda session: holding.give_back(session, old, error=None, delay_seconds=0),
    ):
        with pytest.raises(ClaimLost), transaction(ops) as session:
            write(session)
    finish(ops, Claim(again.id, again.attempts))
    assert row(ops, again.id).result == {"by": 2}


def test_no_error_shows_web_the_path_of_a_credential(ops: Engine, monkeypatch):
    known = CredentialPaths()
    known.add([Path("/secret/pw")])
    monkeypatch.setattr(column_types, "credential_paths", known)
    holder = claimed(ops)
    with transaction(ops) as session:
        holding.finish(session, holder, RequestState.FAILED, error="no /secret/pw")
    assert row(ops, holder.request_id).error == f"no {PLACEHOLDER}"


def test_what_is_fenced_cannot_be_given_up_before_its_transaction_ends(ops: Engine):
    holder = claimed(ops)
    order: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        with transaction(ops) as session:
            holding.fence(session, holder)
            giving = pool.submit(lambda: (give_back(ops, holder), order.append("given back")))
            with pytest.raises(TimeoutError):
                giving.result(0.3)
            order.append("written")
        giving.result(10)
    assert order == ["written", "given back"]


def test_an_ended_request_is_ended_once(ops: Engine):
    holder = claimed(ops)

    def end(index: int) -> bool:
        try:
            finish(ops, holder, (RequestState.COMPLETED, RequestState.FAILED)[index % 2])
        except ClaimLost:
            return False
        return True

    assert sum(at_once(end)) == 1


def test_the_words_of_others_are_kept_whatever_characters_they_hold(ops: Engine):
    (request_id,) = asked(ops, ACTION)
    claimed_ids(ops, 1)
    with transaction(ops) as session:
        error = "no \x00 and half a \ud83d"
        holding.finish(session, Claim(request_id, 1), RequestState.FAILED, error=error)
    assert row(ops, request_id).error == "no \\x00 and half a \\ud83d"


# ------------------------------------------------------------------ succession


def test_a_successor_takes_the_key_over_without_a_gap(ops: Engine):
    holder = claimed(ops)
    with transaction(ops) as session:
        successor = holding.succeed(session, holder)
    assert row(ops, holder.request_id).successor_id == successor
    assert accept(ops) == Accepted(successor, RequestState.QUEUED, is_new=False)
    finish(ops, holder)
    assert accept(ops).id == successor


def test_succeeding_twice_gives_the_same_successor(ops: Engine):
    holder = claimed(ops)
    ids = set()
    for _ in range(2):
        with transaction(ops) as session:
            ids.add(holding.succeed(session, holder))
    assert len(ids) == 1


def test_during_a_hand_over_everyone_joins_the_one_or_the_other(
    ops: Engine, web: Engine, shifter: Caller
):
    for turn in range(5):
        accept(ops, f"turn-{turn}")
        (request,) = claim(ops)
        holder = Claim(request.id, request.attempts)

        def work(index: int, holder: Claim = holder, name: str = f"turn-{turn}") -> Accepted | int:
            if index:
                return accept(web, name, caller=shifter)
            with transaction(ops) as session:
                return holding.succeed(session, holder)

        successor, *joined = at_once(work)
        assert {each.id for each in joined} <= {holder.request_id, successor}
        assert not any(each.is_new for each in joined)
        claim(ops)
