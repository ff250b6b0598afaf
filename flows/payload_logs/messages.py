"""The events of payload logs (ops contract section 1.4), and those that prodops adds.

`pandaid` and `jeditaskid` are strings, as peers read them.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from flows.common import events
from flows.common.claims import Claim
from flows.common.messages import Announcement, msg_type_of
from flows.common.models import Request
from flows.payload_logs.models import Step


class LogMessage(Announcement):
    """What every message about a job's log says."""

    SUBJECT: ClassVar = "`pandaid`"

    pandaid: str = Field(description="PanDA's id of the job.", examples=["1042"])
    jeditaskid: str = Field(
        description="jediTaskID of its task; empty where it is not known.", examples=["730"]
    )


class LogReady(LogMessage):
    """Final: the members of the log are in the cache."""

    FEED: ClassVar = "payload_log.ready"

    msg_type: Literal["payload_log_ready"]


class LogFailed(LogMessage):
    """Final: nothing new is in the cache, and why."""

    FEED: ClassVar = "payload_log.failed"

    msg_type: Literal["payload_log_failed"]
    reason: str = Field(description="Why.", examples=["no replica of the log can be read"])
    attempts: int = Field(
        description="Fetches that failed since the last that did not.", examples=[1]
    )


class LogProgress(LogMessage):
    """A step of the fetch has begun; during the copy about once a second."""

    msg_type: Literal["payload_log_progress"]
    step: Step = Field(description="The step.")
    step_number: int = Field(description="Its place in the order, from 1.", examples=[1])
    steps: int = Field(description="How many steps there are.", examples=[len(Step)])
    text: str = Field(description="What is being done, in words.", examples=["asking PanDA"])


EVENTS = (LogProgress, LogReady, LogFailed)

PROGRESS: Final = msg_type_of(LogProgress)
READY: Final = msg_type_of(LogReady)
FAILED: Final = msg_type_of(LogFailed)


def ready(pandaid: int, jeditaskid: int | None, claim: Claim) -> events.NewEvent:
    """Final: the members are in the cache."""
    return _event(LogReady, pandaid, jeditaskid, claim)


def failed(
    pandaid: int, jeditaskid: int | None, reason: str, attempts: int, claim: Claim | None
) -> events.NewEvent:
    """Final: nothing new is in the cache, and why. `attempts`: failures since the last success."""
    return _event(LogFailed, pandaid, jeditaskid, claim, reason=reason, attempts=attempts)


def progress(
    pandaid: int, jeditaskid: int | None, step: Step, text: str, claim: Claim
) -> events.NewEvent:
    """The step that the fetch is at."""
    fields = {"step": step, "step_number": step.number, "steps": len(Step), "text": text}
    return _event(LogProgress, pandaid, jeditaskid, claim, **fields)


def given_up(request: Request, attempts: int) -> events.NewEvent:
    """Final: the fetch was called off, or its runs were lost."""
    given = request.parameters
    claim = Claim(request.id, request.attempts, request.flow_run_id)
    reason = request.error or str(request.state)
    return failed(given["pandaid"], given.get("jeditaskid"), reason, attempts, claim)


def _event(
    body: type[LogMessage],
    pandaid: int,
    jeditaskid: int | None,
    claim: Claim | None,
    **fields: Any,
) -> events.NewEvent:
    job = {"pandaid": str(pandaid), "jeditaskid": "" if jeditaskid is None else str(jeditaskid)}
    return events.announcement(body, claim, str(pandaid), **job, **fields)
