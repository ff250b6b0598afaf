"""What an action is, as Markdown for the page of its deployment at Prefect. Pure."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

from flows.common.actions import Action, OnLost

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_WHEN_LOST: Final = {
    OnLost.RERUN: "it is run again, as nothing that was done is done twice",
    OnLost.UNKNOWN: "it is run again until it is known what was done outside",
    OnLost.FAIL: "the request has failed",
}


def described(action: Action) -> str:
    """The action's description: what it does, when to use it, and what bounds it.

    Without schedule and limit, which Prefect shows as they are: an operator may have edited them.
    """
    facts = "\n".join(f"* **{name}**: {value}" for name, value in _facts(action))
    return "\n\n".join(part for part in (action.summary, action.guidance, facts) if part)


def _facts(action: Action) -> Iterator[tuple[str, str]]:
    yield "Who may ask for it", f"callers with the scope `{action.scope.value}`{_gate(action)}"
    limit = f"{_span(action.timeout_seconds)}; the worker ends a run that takes longer"
    yield "Time limit", limit
    yield "If its run is lost", _WHEN_LOST[action.on_lost]
    yield "Its requests", f"`/requests/?action={action.name}` at the monitor"


def _gate(action: Action) -> str:
    text = inspect.getdoc(action.gate) or ""
    return f"; {text[0].lower()}{text[1:].rstrip('.')}" if text else ""


def _span(seconds: float) -> str:
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"
