"""In what a task at PanDA differs from what an attempt sent, where it is adopted. Pure.

Source of `cliParams`: panda-client 2.2.0, `PrunScript.py`: the command line that prun was given.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from blocks.panda_server import PandaTask

_CLOCKS_DIFFER: Final = timedelta(minutes=1)
_NAME: Final = "--outDS"
_QUOTES: Final = str.maketrans("", "", "\"'\\")
_MOST: Final = 5
_LONGEST: Final = 80


def differences(arguments: Sequence[str], parameters: Mapping[str, Any] | None) -> list[str]:
    """The options in which a task's command line differs from ours, each in words.

    Args:
        arguments: Our argument vector, without the program.
        parameters: What the task was submitted with; None where PanDA does not show it.
    """
    command = (parameters or {}).get("cliParams")
    if not isinstance(command, str) or not command:
        return ["it was not submitted with prun, and its options are not known"]
    theirs, ours = _options(_words(command)), _options(arguments)
    names = [name for name in (*ours, *theirs) if _differ(ours.get(name), theirs.get(name))]
    found = [
        f"{name} {_shown(theirs, name)}, ours {_shown(ours, name)}"
        for name in dict.fromkeys(names)
        if name != _NAME
    ]
    more = len(found) - _MOST
    return [*found[:_MOST], *([f"{more} further options"] if more > 0 else [])]


def circumstances(
    task: PandaTask | None, user: str, first_sent_at: datetime | None, *, was_there: bool
) -> Iterator[str]:
    """Whose the task is and when it was made, where that is not what our attempt would make.

    Args:
        task: As PanDA shows it.
        user: Who we are there.
        first_sent_at: When the attempt sent first.
        was_there: Whether PanDA said of the first sending that it has the task.
    """
    if task is None:
        return
    if task.user_name not in {None, user}:
        yield f"it was submitted by {task.user_name}, not by {user}"
    made = task.created_at
    is_older = made and first_sent_at and made < first_sent_at - _CLOCKS_DIFFER
    if was_there or is_older:
        at = f" ({made:%Y-%m-%d %H:%M:%S} UTC)" if made else ""
        yield f"it was created before this attempt{at}"


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # an unbalanced quote: no command line that prun took
        return command.split()


def _options(words: Sequence[str]) -> dict[str, str]:
    """The options with their values; a flag's is empty."""
    found: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            found[name] = value
        elif name and not found[name]:
            found[name] = word
    return found


def _differ(ours: str | None, theirs: str | None) -> bool:
    """Whether the values differ otherwise than in quotes, of which panda-client keeps some."""
    bare = [value and value.translate(_QUOTES) for value in (ours, theirs)]
    return bare[0] != bare[1]


def _shown(options: Mapping[str, str], name: str) -> str:
    value = options.get(name)
    if value is None:
        return "is not given"
    return value[:_LONGEST] or "is given"
