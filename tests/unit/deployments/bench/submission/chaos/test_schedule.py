"""The schedules of the chaos bench: by their seed alone, and together of every kind."""

from collections.abc import Iterable

from deployments.bench.submission.chaos.schedule import (
    OF_OWN_POOL,
    PRUN_SECONDS,
    SERVER_LIMIT_SECONDS,
    SLOW_SECONDS,
    SUBMIT,
    Door,
    Schedule,
    Victim,
    draw,
    in_other_pool,
)
from deployments.sandbox.panda.faults import Fault, FaultKind, When
from flows.submission.models import Step
from tests.e2e.deployments.bench.submission.chaos.test_bench import FIVE, SEEDS

MANY = range(1, 201)


def drawn(seeds: Iterable[int]) -> list[Schedule]:
    return [draw(seed) for seed in seeds]


def victims(schedules: list[Schedule]) -> set[Victim]:
    return {kill.victim for each in schedules for kill in each.kills}


def steps(schedules: list[Schedule]) -> set[Step]:
    return {kill.step for each in schedules for kill in each.kills}


def faults_of_submit(schedules: list[Schedule]) -> set[tuple[FaultKind, When]]:
    return {
        (fault.kind, fault.when)
        for each in schedules
        for fault in each.faults
        if fault.endpoint == SUBMIT
    }


def test_a_schedule_is_its_seeds_alone():
    assert draw(17) == draw(17)
    assert str(draw(17)) == str(draw(17))
    assert draw(17) != draw(18)


def test_a_schedule_prints_all_that_it_does():
    schedule = draw(64)
    for part in (*schedule.kills, *schedule.faults, *schedule.clicks):
        assert str(part) in str(schedule)


def test_two_hundred_seeds_have_every_victim_at_all_steps_and_nothing_killed():
    schedules = drawn(MANY)
    assert victims(schedules) == set(OF_OWN_POOL) - {Victim.NONE}
    assert steps(schedules) == set(Step)
    assert any(not each.kills for each in schedules)
    pairs = {(kill.victim, kill.step) for each in schedules for kill in each.kills}
    assert len(pairs) > 50


def test_two_hundred_seeds_have_every_fault_of_a_submission_before_and_after_the_commit():
    lies = {(FaultKind.REJECT, When.AFTER)}
    every = {(kind, when) for kind in FaultKind for when in When}
    assert faults_of_submit(drawn(MANY)) == every - lies


def test_two_hundred_seeds_have_faults_of_look_up_upload_and_parameters_too():
    endpoints = {fault.endpoint for each in drawn(MANY) for fault in each.faults}
    assert len(endpoints) == 5


def test_the_five_that_are_always_played_have_every_victim():
    assert victims(drawn(FIVE)) == set(OF_OWN_POOL) - {Victim.NONE}


def test_the_twenty_of_the_test_have_every_victim_step_and_kind_of_fault():
    schedules = drawn(SEEDS)
    assert len(schedules) == 20
    assert victims(schedules) == set(OF_OWN_POOL) - {Victim.NONE}
    assert steps(schedules) == set(Step)
    assert {fault.kind for each in schedules for fault in each.faults} == set(FaultKind)
    assert {click.door for each in schedules for click in each.clicks} == set(Door)
    assert (FaultKind.SLOW, When.BEFORE) in faults_of_submit(schedules)


def test_in_another_pool_its_worker_dies_alone_and_with_its_run():
    there = [in_other_pool(each) for each in drawn(MANY)]
    others = {Victim.POOL_WORKER, Victim.POOL_WORKER_AND_RUN, Victim.WORKER, Victim.RUN}
    assert others < victims(there)
    assert not {Victim.GUARDIAN, Victim.API} & victims(there)


def test_one_to_four_ask_at_once():
    for schedule in drawn(MANY):
        assert 1 <= sum(click.at_seconds == 0 for click in schedule.clicks) <= 4


def test_what_is_to_be_reconciled_has_a_fault_that_hides_the_outcome():
    for schedule in drawn(MANY):
        if any(kill.step is Step.RECONCILE for kill in schedule.kills):
            assert any(fault.hides_the_outcome for fault in schedule.faults)


def test_prun_is_killed_where_there_is_one():
    at = {Step.SANDBOX, Step.SEND, Step.RECONCILE}
    for schedule in drawn(MANY):
        for kill in schedule.kills:
            if kill.victim in {Victim.PRUN, Victim.PRUN_SHELL}:
                assert kill.step in at


def test_a_slow_server_outlasts_prun_and_keeps_within_its_limit():
    shortest_start = 0.3
    assert SLOW_SECONDS + shortest_start > PRUN_SECONDS - 0.01
    assert SLOW_SECONDS < SERVER_LIMIT_SECONDS


def test_the_sandboxs_panda_knows_every_fault():
    for schedule in drawn(MANY):
        for fault in schedule.faults:
            Fault(
                endpoint=fault.endpoint,
                kind=fault.kind,
                when=fault.when,
                times=fault.times,
                seconds=fault.seconds,
            )
