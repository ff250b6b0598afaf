"""What prun did, by its exit code and what it printed. Pure.

Source: panda-client 2.2.0 as measured against a real panda-server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Verdict(StrEnum):
    """What a run of prun did."""

    CREATED = "created"
    EXISTS = "exists"
    REJECTED = "rejected"
    REACTIVATED = "reactivated"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """What a run of prun did, and why that is known.

    Attributes:
        jedi_task_id: The task that PanDA named (CREATED, EXISTS, REACTIVATED).
        is_outage: Whether nothing was sent because PanDA did not answer: it may be tried again.
        is_sure: Whether a refusal was said as one; prun takes some for a success without an id.
    """

    verdict: Verdict
    reason: str
    jedi_task_id: int | None = None
    is_outage: bool = False
    is_sure: bool = True


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_MAX_LINE: Final = 1000
_LOGGED: Final = re.compile(r"^(?:\S+ )*(INFO|ERROR|WARNING) +: (.*)$")
_ANSWERS: Final = (
    (Verdict.CREATED, "INFO", re.compile(r"succeeded\. new jediTaskID=(\d{1,18})\b")),
    (Verdict.REACTIVATED, "INFO", re.compile(r"reactivation accepted\. jediTaskID=(\d{1,18})\b")),
    (
        Verdict.EXISTS,
        "ERROR",
        re.compile(
            r"task submission failed\. .*?jediTaskID=(\d{1,18}) "
            r"is (?:already queued|in the \w+ state)"
        ),
    ),
)
_FAILED: Final = re.compile(r"task submission failed\. (.*)", re.DOTALL)
_NO_ANSWER: Final = re.compile(r"task submission failed with ")
_UPLOAD: Final = re.compile(r"failed to upload sandbox with (\d+)")
_UPLOAD_OUTAGES: Final = frozenset({"255", "500", "502", "503", "504", "0"})
_RC_BROKEN_OFF: Final = frozenset({1, 128 + 9, 128 + 15})  # a traceback, or its shell was killed


def classify(returncode: int | None, output: str, *, is_timed_out: bool = False) -> Outcome:
    """What prun did, by its exit code and what it printed.

    Args:
        returncode: Exit code; None where it was killed.
        output: What it printed, both streams.
        is_timed_out: Whether it was killed for taking too long.
    """
    lines = [_tidy(line) for line in output.splitlines()]
    sent = [number for number, line in enumerate(lines) if _is_submit_line(line)]
    if not sent:
        return _unsent(returncode, lines, is_timed_out=is_timed_out)
    after = _messages(lines[sent[-1] + 1 :])
    for verdict, level, form in _ANSWERS:
        for found_level, text in after:
            if found_level == level and (found := form.search(text)):
                return Outcome(verdict, text, jedi_task_id=int(found[1]))
    return _answered_otherwise(returncode, after, lines, is_timed_out=is_timed_out)


def _tidy(line: str) -> str:
    """A line that can be kept: whatever the server made prun print, without control signs."""
    return _CONTROL.sub(" ", line)[:_MAX_LINE]


def _answered_otherwise(
    returncode: int | None,
    after: list[tuple[str, str]],
    lines: list[str],
    *,
    is_timed_out: bool,
) -> Outcome:
    if is_timed_out or returncode is None:
        return Outcome(Verdict.UNKNOWN, "prun was killed while it waited for PanDA's answer")
    for level, text in after:
        if level == "ERROR" and (found := _FAILED.search(text)):
            return Outcome(Verdict.REJECTED, found[1].strip() or "PanDA gave no reason")
    texts = [text for _, text in after]
    if returncode == 0 and texts and not texts[-1].startswith("succeeded"):
        return Outcome(Verdict.REJECTED, texts[-1], is_sure=False)
    reason = texts[-1] if texts else _last(lines)
    before = [text for level, text in after if level == "ERROR" and not _NO_ANSWER.search(text)]
    detail = f" ({before[-1]})" if before and before[-1] != reason else ""
    return Outcome(Verdict.UNKNOWN, f"prun ended with {returncode}: {reason}{detail}")


def _unsent(returncode: int | None, lines: list[str], *, is_timed_out: bool) -> Outcome:
    if is_timed_out:
        return Outcome(Verdict.NOT_SENT, "prun was killed before it sent anything", is_outage=True)
    found = _UPLOAD.search("\n".join(lines))
    is_outage = bool(found and found[1] in _UPLOAD_OUTAGES) or _is_broken_off(returncode)
    texts = [text for level, text in _messages(lines) if level == "ERROR"]
    reason = "; ".join(texts[-2:]) or _last(lines)
    return Outcome(Verdict.NOT_SENT, f"prun ended with {returncode}: {reason}", is_outage=is_outage)


def _is_broken_off(returncode: int | None) -> bool:
    """Whether prun was killed, or met an answer that it could not read, before it sent."""
    return returncode is None or returncode < 0 or returncode in _RC_BROKEN_OFF


def _is_submit_line(line: str) -> bool:
    found = _LOGGED.match(line)
    return bool(found and found[1] == "INFO" and found[2].startswith("submit "))


def _messages(lines: list[str]) -> list[tuple[str, str]]:
    found = (_LOGGED.match(line) for line in lines)
    return [(each[1], each[2]) for each in found if each]


def _last(lines: list[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def reactivation_alarm(name: str, outcome: Outcome) -> str:
    """What an operator must know where PanDA ran an ended task again."""
    return (
        f"ALARM: PanDA runs the ended task {outcome.jedi_task_id} of the name {name} again "
        f"({outcome.reason}); nothing new was submitted. Kill that task unless it shall run, then "
        "submit a new attempt"
    )
