"""What keeps a worker from working on requests just now, for those who wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from deployments.isolation import isolated
from flows.common import actions
from flows.common.actions import Action
from flows.common.wait_reasons import WaitKind, WaitReason

if TYPE_CHECKING:
    from deployments.worker.pool import PoolWorker
    from deployments.worker.registry import Registry
    from deployments.worker.room import PoolLimits, Room


def reasons(worker: PoolWorker) -> list[WaitReason]:
    """All of them: what holds now, and the ceilings and rates at which requests begin to wait."""
    found = [*_of_registry(worker.registry), *_of_room(worker.room)]
    if worker.works.is_draining:
        found.insert(0, WaitReason(kind=WaitKind.STOPPING, text="the worker is stopping"))
    for action in actions.all_actions().values():
        with isolated("the ceiling of an action is broken", action=action.name):
            found += _of_action(action)
    return found


def _of_registry(registry: Registry) -> Iterator[WaitReason]:
    for action, reason in list(registry.refused.items()):
        what = "the work pool" if action is None else f"the deployment {action}"
        text = f"Prefect refuses to register {what}: {reason}"
        yield WaitReason(kind=WaitKind.REGISTRATION, text=text, action=action)


def held_by_prefect(limits: PoolLimits) -> Iterator[WaitReason]:
    """What is paused at Prefect, or has a limit of 0."""
    for what, each in (("work pool", limits.pool), ("work queue", limits.queue)):
        if each is not None and each.is_paused:
            text = f"the {what} {each.name} is paused at Prefect"
            yield WaitReason(kind=WaitKind.PAUSED, text=text)
        if each is not None and each.concurrency_limit == 0:
            text = f"the {what} {each.name} has a limit of 0 at Prefect"
            yield WaitReason(kind=WaitKind.PAUSED, text=text)
    for action, text in limits.closed.items():
        yield WaitReason(kind=WaitKind.PAUSED, text=text, action=action)


def _of_room(room: Room) -> Iterator[WaitReason]:
    limits = room.limits
    yield from held_by_prefect(limits)
    if limits.ceiling:
        text = "runs that the work pool allows at a time are under way"
        yield WaitReason(kind=WaitKind.CEILING, text=text, limit=limits.ceiling)
    for each in limits.shared:
        text = f"runs that {each.name} allows at a time are under way"
        for action in sorted(each.actions):
            yield WaitReason(
                kind=WaitKind.CEILING,
                text=text,
                action=action,
                limit=each.limit,
                counted=tuple(sorted(each.actions)),
            )
    if not limits.is_paused and room.free() <= 0:
        text = f"all {room.slots} slots of the worker are in use"
        yield WaitReason(kind=WaitKind.SLOTS, text=text)
    elif room.free_for_background() <= 0:
        text = "the slots that are left are kept for what people wait for"
        yield WaitReason(kind=WaitKind.KEPT, text=text)


def _of_action(action: Action) -> Iterator[WaitReason]:
    ceiling, rate = action.at_a_time(), action.a_minute()
    if ceiling is not None:
        text = f"{action.name} requests are worked on"
        yield WaitReason(kind=WaitKind.CEILING, text=text, action=action.name, limit=ceiling)
    if rate is not None:
        text = f"{action.name} requests a minute were begun"
        yield WaitReason(kind=WaitKind.RATE, text=text, action=action.name, limit=rate)
