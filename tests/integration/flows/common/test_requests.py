"""Requests on a real PostgreSQL: one at a time for a key, claimed once, and fenced.

The races are run with real threads and connections, many times over.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import Engine, func, select, text, update

from flows.common import requests
from flows.common.actions import Action, OnLost
from flows.common.callers import Caller, Scope, on_ops_side
from flows.common.claims import Claim, ClaimLost
from flows.common.database import make_engine, now, transaction
from flows.common.models import ApiAction, Request, RequestState
from flows.common.requests import Accepted
from tests.databases import Database

pytestmark = pytest.mark.integration

ME = on_ops_side("me")
THREADS = 20
LEASE_SECONDS = 60.0


class Thing(BaseModel):
    name: str = "a"
    is_deduplicated: bool = True


ACTION = Action(
    name="test_action",
    summary="Nothing.",
    parameters=Thing,
    dedup_key=lambda thing: thing.name if thing.is_deduplicated else None,
    subject=lambda thing: thing.name,
    timeout_seconds=10,
    on_lost=OnLost.RERUN,
)


BULK = replace(ACTION, name="bulk", is_background=True)
LIMITED = replace(ACTION, name="limited", at_a_time=lambda: 2)
KNOWN = {each.name: each for each in (ACTION, BULK, LIMITED)}


@pytest.fixture(autouse=True)
def known_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "all_actions", lambda: KNOWN)


@pytest.fixture
def ops(database: Database) -> Iterator[Engine]:
    engine = make_engine(database.ops_url, passfile=database.ops_passfile, pool_size=THREADS)
    yield engine
    engine.dispose()


@pytest.fixture
def web(database: Database) -> Iterator[Engine]:
    engine = make_engine(database.web_url, passfile=database.web_passfile, pool_size=THREADS)
    yield engine
    engine.dispose()


@pytest.fixture
def shifter(database: Database) -> Caller:
    """Who may ask for the action over the web."""
    with transaction(database.ops_engine) as session:
        session.add(ApiAction(name=ACTION.name, scope=ACTION.scope))
    return database.caller("shifter", Scope.OPERATE)


def accept(
    engine: Engine, name: str = "a", *, caller: Caller = ME, is_deduplicated: bool = True
) -> Accepted:
    thing = Thing(name=name, is_deduplicated=is_deduplicated)
    with transaction(engine) as session:
        return requests.accept(session, ACTION, thing, caller=caller, source="test")


def claim(engine: Engine, worker: str = "w", limit: int = 100) -> list[Request]:
    with transaction(engine) as session:
        return requests.claim(session, worker=worker, limit=limit, lease_seconds=LEASE_SECONDS)


def claimed(engine: Engine) -> Claim:
    """A new request, claimed; the attempt that holds it."""
    accept(engine)
    (request,) = claim(engine)
    return Claim(request.id, request.attempts, uuid.uuid4())


def row(engine: Engine, request_id: int) -> Request:
    with transaction(engine) as session:
        return requests.get(session, request_id)


def finish(engine: Engine, holder: Claim, state: RequestState = RequestState.COMPLETED) -> None:
    with transaction(engine) as session:
        requests.finish(session, holder, state, result={"by": holder.attempt})


def give_back(engine: Engine, holder: Claim, delay_seconds: float = 0.0) -> None:
    with transaction(engine) as session:
        requests.give_back(session, holder, error="lost", delay_seconds=delay_seconds)


def let_lease_expire(engine: Engine, request_id: int) -> None:
    with transaction(engine) as session:
        session.execute(
            update(Request).where(Request.id == request_id).values(lease_until=func.now())
        )


def at_once(work: Callable[[int], Any], number: int = THREADS) -> list[Any]:
    """What `number` threads give that all start `work` at the same moment."""
    gate = threading.Barrier(number)

    def start(index: int) -> Any:
        gate.wait()
        return work(index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(start, range(number)))


# ------------------------------------------------------------------ accepting


def test_twenty_at_once_with_one_key_make_one_request(ops: Engine, web: Engine, shifter: Caller):
    for turn in range(5):
        accepted = at_once(lambda _, name=f"turn-{turn}": accept(web, name, caller=shifter))
        assert len({each.id for each in accepted}) == 1
        assert sum(each.is_new for each in accepted) == 1
    with transaction(ops) as session:
        assert session.scalar(select(func.count()).select_from(Request)) == 5


def test_without_a_key_each_is_a_request_of_its_own(web: Engine, shifter: Caller):
    accepted = at_once(lambda _: accept(web, caller=shifter, is_deduplicated=False))
    assert len({each.id for each in accepted}) == THREADS


@pytest.mark.parametrize("state", [RequestState.COMPLETED, RequestState.FAILED])
def test_an_ended_request_frees_its_key(ops: Engine, state: RequestState):
    holder = claimed(ops)
    assert accept(ops).id == holder.request_id
    finish(ops, holder, state)
    assert accept(ops).is_new


def test_an_unknown_request_keeps_its_key(ops: Engine):
    holder = claimed(ops)
    finish(ops, holder, RequestState.UNKNOWN)
    joined = accept(ops)
    assert (joined.id, joined.state) == (holder.request_id, RequestState.UNKNOWN)


def test_accepting_never_fails_while_requests_with_the_key_open_and_close(
    ops: Engine, web: Engine, shifter: Caller
):
    done: list[int] = []

    def take_part(index: int) -> None:
        while len(done) < 30:
            if index:
                accept(web, caller=shifter)
                continue
            for request in claim(ops):
                finish(ops, Claim(request.id, request.attempts))
                done.append(request.id)

    at_once(take_part, 5)
    assert len(done) == len(set(done))


# ------------------------------------------------------------------ claiming


def test_two_workers_claim_disjoint_requests_oldest_first(ops: Engine):
    made = [accept(ops, is_deduplicated=False).id for _ in range(60)]
    found = at_once(lambda index: [each.id for each in claim(ops, f"w{index}", 5)], 12)
    assert sorted(each for ids in found for each in ids) == made
    assert all(ids == sorted(ids) for ids in found)


def test_no_plan_of_the_database_claims_more_than_is_asked_for(ops: Engine):
    """Of a table that it takes for tiny, PostgreSQL may run a subquery once for each row."""
    first = accept(ops, is_deduplicated=False).id
    with transaction(ops) as session:
        session.execute(text("ANALYZE request"))
    ids = [first, *(accept(ops, is_deduplicated=False).id for _ in range(4))]
    with transaction(ops) as session:
        claimed = requests.claim(session, worker="w", limit=2, lease_seconds=LEASE_SECONDS)
        assert [each.id for each in claimed] == ids[:2]


def test_a_request_that_another_claims_just_now_is_skipped_not_waited_for(ops: Engine):
    first, second = (accept(ops, is_deduplicated=False).id for _ in range(2))
    with transaction(ops) as session:
        (held,) = requests.claim(session, worker="slow", limit=1, lease_seconds=LEASE_SECONDS)
        assert held.id == first
        assert [each.id for each in claim(ops, "quick")] == [second]


def asked(engine: Engine, *wanted: Action) -> list[int]:
    with transaction(engine) as session:
        return [
            requests.accept(
                session, each, Thing(is_deduplicated=False), caller=ME, source="test"
            ).id
            for each in wanted
        ]


def claimed_ids(engine: Engine, limit: int, background: int | None = None) -> list[int]:
    with transaction(engine) as session:
        found = requests.claim(
            session, worker="w", limit=limit, lease_seconds=LEASE_SECONDS, background=background
        )
    return [each.id for each in found]


def test_the_oldest_is_claimed_first_whatever_limits_its_action(ops: Engine):
    old, *newer = asked(ops, LIMITED, *[ACTION] * 5)
    assert claimed_ids(ops, 1) == [old]
    assert claimed_ids(ops, 2) == newer[:2]


def test_one_order_holds_over_many_actions_within_their_ceilings(ops: Engine):
    ids = asked(ops, LIMITED, ACTION, LIMITED, LIMITED, ACTION, LIMITED)
    assert claimed_ids(ops, 4) == [ids[0], ids[1], ids[2], ids[4]]
    assert claimed_ids(ops, 4) == []


def test_a_full_ceiling_keeps_nobody_else_waiting_however_many_wait_for_it(ops: Engine):
    full = asked(ops, *[LIMITED] * 40)
    (newest,) = asked(ops, ACTION)
    assert claimed_ids(ops, 8) == [*full[:2], newest]


def test_what_was_given_back_keeps_its_age(ops: Engine):
    old, newer = asked(ops, ACTION, ACTION)
    assert claimed_ids(ops, 1) == [old]
    give_back(ops, Claim(old, 1))
    assert claimed_ids(ops, 2) == [old, newer]


def test_background_work_takes_no_more_than_its_share_and_people_all_of_it(ops: Engine):
    ids = asked(ops, *[BULK] * 5, ACTION, ACTION)
    assert claimed_ids(ops, 4, background=2) == [*ids[:2], *ids[5:]]
    assert claimed_ids(ops, 4, background=0) == []
    assert claimed_ids(ops, 4, background=1) == [ids[2]]


def test_a_bulk_action_at_its_ceiling_leaves_the_share_to_other_bulk_work(
    ops: Engine, monkeypatch: pytest.MonkeyPatch
):
    full = replace(LIMITED, is_background=True)
    monkeypatch.setattr(requests, "all_actions", lambda: KNOWN | {"limited": full})
    ids = asked(ops, *[full] * 5, BULK)
    assert claimed_ids(ops, 8, background=3) == [*ids[:2], ids[5]]


def test_what_nobody_here_knows_is_left_to_workers_that_do(
    ops: Engine, monkeypatch: pytest.MonkeyPatch
):
    strange, known = asked(ops, replace(ACTION, name="of_a_newer_version"), ACTION)
    assert claimed_ids(ops, 8) == [known]
    with transaction(ops) as session:
        assert requests.unknown_actions(session) == ["of_a_newer_version"]
    newer = KNOWN | {"of_a_newer_version": replace(ACTION, name="of_a_newer_version")}
    monkeypatch.setattr(requests, "all_actions", lambda: newer)
    assert claimed_ids(ops, 8) == [strange]
    let_lease_expire(ops, strange)
    monkeypatch.setattr(requests, "all_actions", lambda: KNOWN)
    assert expired(ops) == []
    with transaction(ops) as session:
        assert strange not in {each.id for each in requests.held_by(session, "w")}


def asked_by_a_look(engine: Engine, action: Action, age_seconds: float, source: str) -> int:
    (request_id,) = asked(engine, action)
    with transaction(engine) as session:
        found = requests.get(session, request_id)
        found.source, found.created_at = source, now() - timedelta(seconds=age_seconds)
    return request_id


def test_what_only_a_look_asked_for_ends_once_nobody_waits_for_it(
    ops: Engine, monkeypatch: pytest.MonkeyPatch
):
    look = replace(ACTION, name="look", is_look=True)
    monkeypatch.setattr(requests, "all_actions", lambda: KNOWN | {"look": look})
    old = asked_by_a_look(ops, look, 700, "page")
    asked_by_a_look(ops, look, 500, "page")  # somebody may wait for it still
    asked_by_a_look(ops, look, 700, "rest")  # a program waits as long as it takes
    asked_by_a_look(ops, ACTION, 700, "page")
    begun = asked_by_a_look(ops, look, 700, "page")
    with transaction(ops) as session:
        requests.get(session, begun).attempts = 1
    with transaction(ops) as session:
        assert [each.id for each in requests.end_looks(session, seconds=600)] == [old]
    found = row(ops, old)
    assert (found.state, found.error) == (
        "cancelled", "nobody waits for it any more: it had not begun after 600 s",
    )  # fmt: skip


def test_no_more_are_begun_in_a_minute_than_the_rate_of_their_action(
    ops: Engine, monkeypatch: pytest.MonkeyPatch
):
    rated = replace(ACTION, name="rated", a_minute=lambda: 3)
    monkeypatch.setattr(requests, "all_actions", lambda: KNOWN | {"rated": rated})
    ids = asked(ops, *[rated] * 5)
    (other,) = asked(ops, ACTION)
    assert claimed_ids(ops, 8) == [*ids[:3], other]
    finish(ops, Claim(ids[0], 1))
    assert claimed_ids(ops, 8) == []
    with transaction(ops) as session:
        requests.get(session, ids[1]).claimed_at = now() - timedelta(seconds=61)
    assert claimed_ids(ops, 8) == [ids[3]]


def test_five_hundred_looks_keep_no_submission_waiting(
    ops: Engine, monkeypatch: pytest.MonkeyPatch
):
    look = replace(ACTION, name="look", is_look=True, at_a_time=lambda: 2)
    monkeypatch.setattr(requests, "all_actions", lambda: KNOWN | {"look": look})
    looks = asked(ops, *[look] * 500)
    (submission,) = asked(ops, ACTION)
    assert claimed_ids(ops, 8) == [*looks[:2], submission]


@pytest.mark.parametrize("limit", ["at_a_time", "a_minute"])
def test_an_action_whose_ceiling_is_broken_is_claimed_by_nobody_and_keeps_none_waiting(
    ops: Engine, monkeypatch: pytest.MonkeyPatch, limit: str
):
    broken = replace(ACTION, name="broken", **{limit: lambda: 1 // 0})
    monkeypatch.setattr(requests, "all_actions", lambda: KNOWN | {"broken": broken})
    _, good = asked(ops, broken, ACTION)
    assert claimed_ids(ops, 8) == [good]


def test_the_words_of_others_are_kept_whatever_characters_they_hold(ops: Engine):
    (request_id,) = asked(ops, ACTION)
    claimed_ids(ops, 1)
    with transaction(ops) as session:
        error = "no \x00 and half a \ud83d"
        requests.finish(session, Claim(request_id, 1), RequestState.FAILED, error=error)
    assert row(ops, request_id).error == "no \\x00 and half a \\ud83d"


def test_a_claim_names_its_worker_its_attempt_and_its_lease(ops: Engine):
    accept(ops)
    (request,) = claim(ops, "worker-1")
    assert (request.state, request.worker, request.attempts) == ("claimed", "worker-1", 1)
    assert request.lease_until is not None
    assert (request.lease_until - request.claimed_at).total_seconds() == LEASE_SECONDS


def test_a_request_given_back_with_a_delay_waits_for_it(ops: Engine):
    holder = claimed(ops)
    give_back(ops, holder, delay_seconds=60)
    assert claim(ops) == []
    with transaction(ops) as session:
        session.execute(update(Request).values(not_before=func.now()))
    assert [each.attempts for each in claim(ops)] == [2]


def test_a_run_that_prefect_started_gets_a_request_only_where_none_is_open(ops: Engine):
    def adopt(index: int) -> Request | None:
        with transaction(ops) as session:
            return requests.claim_new(
                session, ACTION, Thing(), caller=on_ops_side("prefect"), source="prefect",
                worker=f"w{index}", lease_seconds=LEASE_SECONDS,
            )  # fmt: skip

    made = [request for request in at_once(adopt) if request is not None]
    assert [(each.state, each.attempts) for each in made] == [("claimed", 1)]


# ------------------------------------------------------------------ leases and the fence


def test_only_an_expired_lease_is_found_and_not_that_of_a_run_we_have(ops: Engine):
    one, two = (accept(ops, is_deduplicated=False).id for _ in range(2))
    claim(ops)
    assert expired(ops) == []
    for each in (one, two):
        let_lease_expire(ops, each)
    assert expired(ops) == [one, two]
    assert expired(ops, excluding=[one]) == [two]


def test_a_renewed_lease_does_not_expire(ops: Engine):
    holder = claimed(ops)
    let_lease_expire(ops, holder.request_id)
    with transaction(ops) as session:
        requests.renew(session, [holder], lease_seconds=LEASE_SECONDS)
    assert expired(ops) == []


def test_two_sweepers_do_not_find_the_same_request(ops: Engine):
    holder = claimed(ops)
    let_lease_expire(ops, holder.request_id)
    with transaction(ops) as session:
        _, silent = requests.overdue(session)
        assert len(requests.take_over(session, silent, lease_seconds=LEASE_SECONDS)) == 1
        with transaction(ops) as other:
            assert requests.take_over(other, silent, lease_seconds=LEASE_SECONDS) == []
    assert expired(ops) == []


def test_what_its_owner_renewed_or_gave_up_meanwhile_is_not_taken_over(ops: Engine):
    for change in ("renewed", "given back"):
        holder = claimed(ops)
        let_lease_expire(ops, holder.request_id)
        with transaction(ops) as session:
            _, silent = requests.overdue(session)
        if change == "renewed":
            with transaction(ops) as session:
                requests.renew(session, [holder], lease_seconds=LEASE_SECONDS)
        else:
            give_back(ops, holder)
        with transaction(ops) as session:
            assert requests.take_over(session, silent, lease_seconds=LEASE_SECONDS) == []
        if change == "renewed":
            finish(ops, holder)


def test_an_attempt_that_was_given_up_can_no_longer_write(ops: Engine):
    old = claimed(ops)
    give_back(ops, old)
    (again,) = claim(ops)
    for write in (
        lambda session: requests.finish(session, old, RequestState.COMPLETED),
        lambda session: requests.note_flow_run(session, old, state=RequestState.RUNNING),
        lambda session: requests.fence(session, old),
        lambda session: requests.succeed(session, old),
        lambda session: requests.give_back(session, old, error=None, delay_seconds=0),
    ):
        with pytest.raises(ClaimLost), transaction(ops) as session:
            write(session)
    finish(ops, Claim(again.id, again.attempts))
    assert row(ops, again.id).result == {"by": 2}


def test_what_is_fenced_cannot_be_given_up_before_its_transaction_ends(ops: Engine):
    holder = claimed(ops)
    order: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        with transaction(ops) as session:
            requests.fence(session, holder)
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


# ------------------------------------------------------------------ succession


def test_a_successor_takes_the_key_over_without_a_gap(ops: Engine):
    holder = claimed(ops)
    with transaction(ops) as session:
        successor = requests.succeed(session, holder)
    assert row(ops, holder.request_id).successor_id == successor
    assert accept(ops) == Accepted(successor, RequestState.QUEUED, is_new=False)
    finish(ops, holder)
    assert accept(ops).id == successor


def test_succeeding_twice_gives_the_same_successor(ops: Engine):
    holder = claimed(ops)
    ids = set()
    for _ in range(2):
        with transaction(ops) as session:
            ids.add(requests.succeed(session, holder))
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
                return requests.succeed(session, holder)

        successor, *joined = at_once(work)
        assert {each.id for each in joined} <= {holder.request_id, successor}
        assert not any(each.is_new for each in joined)
        claim(ops)


# ------------------------------------------------------------------ cancelling


def test_a_queued_request_is_cancelled_with_who_asked(ops: Engine, web: Engine, shifter: Caller):
    accepted = accept(ops)
    for _ in range(2):
        with transaction(web) as session:
            requests.ask_to_cancel(session, accepted.id, caller=shifter, reason="no beam")
    with transaction(ops) as session:
        assert [each.id for each in requests.cancel_waiting(session)] == [accepted.id]
    found = row(ops, accepted.id)
    assert (found.state, found.error) == ("cancelled", "cancelled by shifter")
    assert claim(ops) == []


def test_a_running_request_is_only_named_as_to_be_cancelled(ops: Engine):
    holder = claimed(ops)
    with transaction(ops) as session:
        requests.ask_to_cancel(session, holder.request_id, caller=on_ops_side("shifter"), reason="")
    with transaction(ops) as session:
        assert requests.cancel_waiting(session) == []
        wishes = requests.cancelled_among(session, [holder.request_id])
    assert [(each.request_id, each.requested_by) for each in wishes] == [
        (holder.request_id, "shifter")
    ]
    assert row(ops, holder.request_id).state == RequestState.CLAIMED


def test_cancelling_an_ended_request_notes_nothing(ops: Engine):
    holder = claimed(ops)
    finish(ops, holder)
    with transaction(ops) as session:
        requests.ask_to_cancel(session, holder.request_id, caller=on_ops_side("late"), reason="")
        assert requests.cancelled_among(session, [holder.request_id]) == []


def expired(engine: Engine, excluding: Sequence[int] = ()) -> list[int]:
    with transaction(engine) as session:
        return [each.request_id for each in requests.overdue(session, excluding=excluding)[1]]
