"""What is found at PanDA of each task."""

from __future__ import annotations

from deployments.bench.outage.evidence import live_tasks
from deployments.bench.submission.chaos.evidence import PandaTask

SENT = [("task", "group.EIC.task"), ("other", "group.EIC.other")]


def at_panda(number: int, name: str, status: str = "ready") -> PandaTask:
    return PandaTask(id=number, name=name, status=status)


def test_each_task_has_what_is_live_under_its_name():
    panda = [at_panda(70, "group.EIC.task"), at_panda(71, "group.EIC.task.two")]
    assert live_tasks(SENT, panda) == {"task": [70], "other": []}


def test_a_second_task_is_found_under_the_same_name_and_under_that_of_a_further_try():
    doubled = [at_panda(70, "group.EIC.task"), at_panda(72, "group.EIC.task")]
    tried = [at_panda(70, "group.EIC.task"), at_panda(73, "group.EIC.task.try2")]
    assert live_tasks(SENT, doubled)["task"] == [70, 72]
    assert live_tasks(SENT, tried)["task"] == [70, 73]


def test_a_task_that_is_sent_again_counts_once_and_a_dead_one_not():
    panda = [at_panda(70, "group.EIC.task"), at_panda(74, "group.EIC.task", "aborted")]
    assert live_tasks([*SENT, *SENT], panda)["task"] == [70]
