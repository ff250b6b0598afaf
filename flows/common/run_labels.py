"""What a run is called and tagged with at Prefect: what it is about, and for whom. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flows.common.actions import Action

_MOST_SUBJECT: Final = 60
_HEAD: Final = 38  # of a longer subject: names differ at their ends, and begin alike
_MOST_TAG: Final = 120


@dataclass(frozen=True)
class RunLabels:
    """The name and the tags of a run."""

    name: str
    tags: tuple[str, ...]


def labels_of(
    action: Action, form: Any, *, request_id: int, attempt: int, requested_by: str
) -> RunLabels:
    """The labels of an attempt's run: `submit group.EIC.26.12.0… #41`, with a request's facts.

    Args:
        action: What is run.
        form: Its parameters, in their form.
        request_id: The request.
        attempt: The number of the attempt; named from the second on.
        requested_by: Who asked for it.
    """
    words = [action.verb_of(form), shortened(action.subject(form) or ""), f"#{request_id}"]
    if attempt > 1:
        words.append(f"(attempt {attempt})")
    facts = {
        "action": action.name,
        "campaign": action.campaign(form),
        "request": str(request_id),
        "by": requested_by,
    }
    tags = (f"{key}:{value}" for key, value in facts.items() if value)
    return RunLabels(
        name=" ".join(word for word in words if word),
        tags=tuple(_one_line(tag)[:_MOST_TAG] for tag in tags),
    )


def shortened(subject: str) -> str:
    """The subject in one line of printable characters; a long one without its middle."""
    line = _one_line(subject)
    if len(line) <= _MOST_SUBJECT:
        return line
    return f"{line[:_HEAD]}…{line[_HEAD + 1 - _MOST_SUBJECT :]}"


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
