"""What a check of the doctor is, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from deployments.doctor.site import Site


class Condition(StrEnum):
    """How what was looked at is; the worst first."""

    PROBLEM = "problem"
    WARNING = "warning"
    OK = "ok"
    SKIPPED = "skipped"
    """It was not looked at."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check has found.

    Attributes:
        condition: How it is.
        text: What was found, in one line.
        advice: What to do about it; empty where nothing is to be done.
        about: Which of several things of that kind it is; empty where there is but one.
    """

    condition: Condition
    text: str
    advice: str = ""
    about: str = ""


def ok(text: str, *, about: str = "") -> Finding:
    """It is as it should be."""
    return Finding(condition=Condition.OK, text=text, about=about)


def warning(text: str, advice: str, *, about: str = "") -> Finding:
    """It works, and will or may not do so for long."""
    return Finding(condition=Condition.WARNING, text=text, advice=advice, about=about)


def problem(text: str, advice: str, *, about: str = "") -> Finding:
    """Something does not work by it."""
    return Finding(condition=Condition.PROBLEM, text=text, advice=advice, about=about)


def skipped(text: str, *, about: str = "") -> Finding:
    """It was not looked at, and why."""
    return Finding(condition=Condition.SKIPPED, text=text, about=about)


Look = Callable[[Site], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One subject that the doctor looks at.

    Attributes:
        name: Its name, for `--only`.
        summary: What is looked at.
        look: Finds; it may be an iterator, of which what it gave before it hung still counts.
        needs: Names of the checks that may have found no problem, or it is not made.
        is_for_ops: Whether only the ops side can make it.
    """

    name: str
    summary: str
    look: Look
    needs: tuple[str, ...] = ()
    is_for_ops: bool = False
