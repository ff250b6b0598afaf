"""What an operator has edited of the pool and its queues."""

from __future__ import annotations

import pytest
from prefect.client.schemas.objects import WorkPool, WorkQueue

from deployments.worker import pool_edits

POOL = WorkPool(name="prodops", type="prodops")


def queue_of(name: str = "default", **values: object) -> WorkQueue:
    known = {"work_pool_id": POOL.id, "priority": 1}
    if name == "default":
        known["description"] = "The work pool's default queue."
    queue = WorkQueue(name=name, **(known | values))
    return queue if name != "default" else queue.model_copy(update={"id": POOL.default_queue_id})


def edited(pool: WorkPool, *queues: WorkQueue) -> list[tuple[str, str, str]]:
    return [(each.deployment, each.part, each.now) for each in pool_edits.edits(pool, queues)]


def test_a_pool_as_it_was_made_has_no_edits():
    assert edited(POOL, queue_of()) == []


@pytest.mark.parametrize(
    ("change", "part", "now"),
    [
        ({"is_paused": True}, "paused", "paused"),
        ({"concurrency_limit": 0}, "limit", "0"),
        ({"description": "Mine"}, "description", "Mine"),
    ],
)
def test_what_was_edited_of_the_pool_or_its_queue_is_said(change, part, now):
    pool = POOL.model_copy(update=change)
    assert edited(pool, queue_of()) == [("work pool prodops", part, now)]
    assert edited(POOL, queue_of(**change)) == [("work queue default", part, now)]


def test_a_queue_that_was_added_and_priorities_are_said():
    night = queue_of("night", priority=5, concurrency_limit=1)
    assert edited(POOL, queue_of(priority=2), night) == [
        ("work queue default", "priority", "2"),
        ("work queue night", "queue", "added, with priority 5"),
        ("work queue night", "limit", "1"),
    ]
