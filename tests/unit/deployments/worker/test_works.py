"""What a worker has in hand: found by its request, its run, or its run's key."""

from __future__ import annotations

from types import SimpleNamespace

from deployments.worker.works import Work, Works
from flows.common import actions
from flows.common.claims import Claim

ACTION = actions.get("check_pipeline")


def run(number: int, key: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(id=number, idempotency_key=key)


def test_a_work_is_found_by_its_run_or_by_the_key_of_its_attempt():
    works = Works()
    known, unanswered = Work(Claim(1, 1), ACTION, flow_run=run(11)), Work(Claim(2, 3), ACTION)
    works.add(known)
    works.add(unanswered)
    assert works.of(run(11)) is known
    assert works.of(run(22, "2:3")) is unanswered
    assert [works.of(each) for each in (run(22), run(22, "2:2"), run(22, "x"))] == [None] * 3
    assert works.by_run() == {11: known}
    assert (known.run, unanswered.run) == ("11", "")


def test_works_may_come_and_go_while_they_are_gone_through():
    works = Works()
    for number in range(3):
        works.add(Work(Claim(number, 1), ACTION))
    for each in works:
        works.remove(each)
        works.remove(each)
    assert (len(works), bool(works), works.request_ids()) == (0, False, [])
    assert works.of_requests([0]) == []
