"""How an answer reaches the client, or does not: what a fault does to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from deployments.sandbox.panda.faults import Fault, FaultKind
from deployments.sandbox.panda.protocol import HTML, Answer, Envelope
from deployments.sandbox.panda.tokens import Caller


class Delivery(StrEnum):
    """What the server does with the connection."""

    WHOLE = "whole"
    HALF = "half"
    NEVER = "never"
    RESET = "reset"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Reply:
    """An answer, and how it is delivered.

    Attributes:
        seconds: Of REFUSE: how long no connection is accepted.
    """

    answer: Answer
    delivery: Delivery = Delivery.WHOLE
    seconds: float = 0.0

    @property
    def is_answered(self) -> bool:
        """Whether any of the answer reaches the client."""
        return self.delivery in {Delivery.WHOLE, Delivery.HALF}


_DELIVERIES = {
    FaultKind.HANG: Delivery.NEVER,
    FaultKind.DROP: Delivery.RESET,
    FaultKind.REFUSE: Delivery.REFUSE,
    FaultKind.TRUNCATE: Delivery.HALF,
}
_STATUSES = {
    FaultKind.UNAUTHORIZED: "Unauthorized",
    FaultKind.FORBIDDEN: "Forbidden",
    FaultKind.NOT_FOUND: "Not Found",
    FaultKind.SERVER_ERROR: "Internal Server Error",
    FaultKind.BAD_GATEWAY: "Bad Gateway",
}
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"


def faulty(fault: Fault, right: Answer | None, caller: Caller | None) -> Reply:
    """What becomes of a request that a fault strikes; `right` is what should have been said."""
    delivery = _DELIVERIES.get(fault.kind)
    if delivery is not None:
        answer = right or Envelope(True, "succeeded.").answer()
        return Reply(answer, delivery, fault.seconds)
    return Reply(_wrong(fault, right, caller))


def _wrong(fault: Fault, right: Answer | None, caller: Caller | None) -> Answer:
    if fault.kind in _STATUSES:
        page = _PAGE.format(f"{fault.kind} {_STATUSES[fault.kind]}")
        return Answer.text(int(fault.kind), page, HTML)
    if fault.kind is FaultKind.HTML:
        return Answer.text(200, _PAGE.format("Under maintenance"), HTML)
    if fault.kind is FaultKind.BANNED:
        dn = caller.dn if caller else ""
        return Envelope(True, f"The following DN is banned: DN={dn}").answer()
    if fault.kind is FaultKind.REJECT:
        return Envelope(False, fault.message, fault.code).answer()
    if fault.kind is FaultKind.NO_ID:
        return Envelope(True, "succeeded.").answer()
    return right or Envelope(True).answer()
