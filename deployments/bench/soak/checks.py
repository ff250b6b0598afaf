"""What must hold when the load is over; each breach in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from deployments.bench.outage.checks import Breach, BreachKind
from deployments.bench.outage.evidence import Asked
from deployments.bench.soak.kinds import Ending, Trigger, ending_of
from flows.common.models import OPEN


def has_own_ending(trigger: Trigger) -> bool:
    """Whether it must end otherwise than completed, or may."""
    return ending_of(trigger.kind) != Ending()


def ends_otherwise(triggers: Iterable[Trigger], asked: Sequence[Asked]) -> Iterator[Breach]:
    """The triggers that must not end as completed, and did not end as they must."""
    by_id = {each.id: each for each in asked}
    for trigger in filter(has_own_ending, triggers):
        wish, ending = trigger.wish, ending_of(trigger.kind)
        for refusal in wish.refusals:
            yield Breach(BreachKind.REFUSED, f"{trigger.kind} was answered {refusal}")
        if not wish.is_over:
            yield Breach(BreachKind.LOST, f"{trigger.kind} was never taken")
        if wish.request_id is None:
            continue
        request = by_id.get(wish.request_id)
        if request is None:
            yield Breach(BreachKind.LOST, f"request {wish.request_id} of {trigger.kind} is gone")
        elif request.state in OPEN:
            yield Breach(BreachKind.LOST, f"{trigger.kind}: {request}")
        elif not ending.is_met(request.state, request.error):
            yield Breach(BreachKind.FALSE_END, f"{trigger.kind} must be {ending}: {request}")


def asked_again(triggers: Iterable[Trigger]) -> Iterator[Breach]:
    """The triggers that were not taken at the first try: nothing was away."""
    for each in triggers:
        if each.wish.tries > 1:
            yield Breach(BreachKind.REFUSED, f"{each.kind} was taken at try {each.wish.tries}")


def run_again(asked: Iterable[Asked]) -> Iterator[Breach]:
    """The requests whose run was lost: none was killed."""
    for each in asked:
        if each.attempts > 1:
            yield Breach(BreachKind.TAKEN, f"a run was lost: {each}")


def restarted(before: Mapping[int, str], after: Mapping[int, str]) -> Iterator[Breach]:
    """The parts whose process is another one now; both by pid."""
    for pid, part in before.items():
        if after.get(pid) != part:
            yield Breach(BreachKind.FALSE_END, f"the process of {part} has ended")
