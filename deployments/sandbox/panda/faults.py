"""Faults on demand: what the sandbox's PanDA does wrong, to which request, how often, and how."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field, field_validator

from deployments.sandbox.panda.protocol import HTML, Answer, Envelope
from deployments.sandbox.panda.tokens import Caller


class FaultKind(StrEnum):
    """What goes wrong."""

    REFUSE = "refuse"
    """The connection is reset, and none is accepted for so many seconds."""
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    HANG = "hang"
    """No byte comes until the client goes or the server stops."""
    DROP = "drop"
    """The connection is reset without an answer."""
    TRUNCATE = "truncate"
    """Half of the answer, then the end of the connection."""
    HTML = "html"
    """Status 200 with a page instead of JSON."""
    NO_ID = "noid"
    """Success, without a task's id."""
    BANNED = "banned"
    """What the real server says of a banned user: success, without a task's id."""
    SLOW = "slow"
    """A delay of so many seconds, and then as it should be."""
    REJECT = "reject"
    """No success, with a message."""


class When(StrEnum):
    """Whether the fault comes before the request takes effect, or after."""

    BEFORE = "before"
    AFTER = "after"


class Fault(BaseModel):
    """One fault, as it is asked for.

    Attributes:
        endpoint: ``module/method``, as in ``task/submit``, or ``*`` for any.
        times: How many requests it strikes; 0: every one.
        name: Regular expression that the task's name must contain; None: any request.
        seconds: Of SLOW and REFUSE.
        message: Of REJECT.
        code: ``data`` of REJECT.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    kind: FaultKind
    when: When = When.BEFORE
    times: int = Field(1, ge=0)
    name: str | None = None
    seconds: float = Field(1.0, ge=0, le=600)
    message: str = "failed to register task"
    code: int | None = 4

    @field_validator("name")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return value

    def strikes(self, endpoint: str, task_name: str | None) -> bool:
        """Whether it is meant for this request."""
        if self.endpoint not in {"*", endpoint}:
            return False
        return self.name is None or re.search(self.name, task_name or "") is not None


class FaultBox:
    """The faults that wait for their request, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, int]] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Let a fault happen."""
        with self._lock:
            self._faults.append((fault, fault.times))

    def take(self, endpoint: str, task_name: str | None) -> Fault | None:
        """The first fault meant for this request; it is used up by one."""
        with self._lock:
            for place, (fault, left) in enumerate(self._faults):
                if fault.strikes(endpoint, task_name):
                    if left == 1:
                        del self._faults[place]
                    elif left:
                        self._faults[place] = (fault, left - 1)
                    return fault
        return None

    def waiting(self) -> list[Fault]:
        """Those that are not used up, with how often they still come."""
        with self._lock:
            return [fault.model_copy(update={"times": left}) for fault, left in self._faults]

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._faults.clear()


_CUT_OFF = frozenset({FaultKind.HANG, FaultKind.DROP, FaultKind.REFUSE})
_PAGE = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"


@dataclass(frozen=True)
class Reply:
    """An answer, and the fault that strikes its delivery.

    Attributes:
        fault: HANG, DROP, REFUSE or TRUNCATE; None: the answer is delivered whole.
    """

    answer: Answer
    fault: Fault | None = None

    @property
    def is_answered(self) -> bool:
        """Whether any of the answer reaches the client."""
        return self.fault is None or self.fault.kind not in _CUT_OFF


def faulty(fault: Fault, right: Answer | None, caller: Caller | None) -> Reply:
    """What becomes of a request that a fault strikes; `right` is what should have been said."""
    if fault.kind in _CUT_OFF | {FaultKind.TRUNCATE}:
        return Reply(right or Envelope(True, "succeeded.").answer(), fault)
    return Reply(_wrong(fault, right, caller))


def _wrong(fault: Fault, right: Answer | None, caller: Caller | None) -> Answer:
    if fault.kind.isdecimal():
        status = HTTPStatus(int(fault.kind))
        return Answer.text(status, _PAGE.format(f"{status} {status.phrase}"), HTML)
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
