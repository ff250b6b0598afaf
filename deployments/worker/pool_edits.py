"""What an operator has edited of the work pool and its queues at Prefect. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from prefect.client.schemas.objects import WorkPool, WorkQueue

from deployments.worker.deployment_parts import Edit

# Of the default queue, as Prefect makes it.
_PRIORITY: Final = 1
_DESCRIPTION: Final = "The work pool's default queue."


def edits(pool: WorkPool, queues: Sequence[WorkQueue]) -> Iterator[Edit]:
    """What differs from a pool that has no limit and one queue, both of which are open."""
    yield from _of(f"work pool {pool.name}", pool)
    for queue in sorted(queues, key=lambda each: each.name):
        what = f"work queue {queue.name}"
        is_default = queue.id == pool.default_queue_id
        if not is_default:
            yield Edit(what, "queue", f"added, with priority {queue.priority}", "none")
        elif queue.priority != _PRIORITY:
            yield Edit(what, "priority", str(queue.priority), str(_PRIORITY))
        yield from _of(what, queue, description=_DESCRIPTION if is_default else "")


def _of(what: str, found: WorkPool | WorkQueue, *, description: str = "") -> Iterator[Edit]:
    if found.is_paused:
        yield Edit(what, "paused", "paused", "not paused")
    if found.concurrency_limit is not None:
        yield Edit(what, "limit", str(found.concurrency_limit), "none")
    if (found.description or "") != description:
        yield Edit(what, "description", found.description or "none", description or "none")
