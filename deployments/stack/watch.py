"""What happens to the parts, as supervisord writes it down: read from its log as it grows."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from deployments.stack.control import Control
from deployments.stack.layout import Layout
from deployments.stack.logs import Follower
from deployments.stack.parts import BRIDGE, EXIT_DELIBERATE

RETRY_SECONDS = 15.0
"""How long after a part was given up `prodops up` tries it again."""

_SHUT_DOWN = (BRIDGE, f"exit status {EXIT_DELIBERATE}")
_LINE = re.compile(
    r"(?:spawned: '(?P<spawned>[\w-]+)' with pid (?P<pid>\d+)"
    r"|exited: (?P<ended>[\w-]+) \((?P<reason>[^;)]*)"
    r"|success: (?P<running>[\w-]+) entered RUNNING"
    r"|gave up: (?P<gave_up>[\w-]+) entered FATAL"
    r"|killing '(?P<killed>[\w-]+)')"
)


class Kind(StrEnum):
    """What happened to a part."""

    INSTALLING = "installing"
    STARTING = "starting"
    READY = "ready"
    SPAWNED = "spawned"
    ENDED = "ended"
    RUNNING = "running"
    GAVE_UP = "gave_up"
    KILLED = "killed"


@dataclass(frozen=True)
class Happening:
    """One thing that happened to one part; `detail` says how, as the kind needs it."""

    kind: Kind
    part: str
    detail: str = ""


Listener = Callable[[Happening], None]


class Watch:
    """Tells a listener what happens, and starts again what supervisord has given up."""

    def __init__(self, layout: Layout, control: Control, listener: Listener) -> None:
        self.exits: Counter[str] = Counter()
        self.is_shut_down = False
        self._control = control
        self._listener = listener
        self._log = Follower(layout.supervisor_log, lines=0)
        self._retry_at: dict[str, float] = {}

    def step(self) -> None:
        """Look once; cheap when nothing happened.

        Raises:
            StackDown: supervisord is gone when a part is to be started again.
        """
        for line in self._log.news():
            if happening := parse(line):
                self._note(happening)
        for part, moment in list(self._retry_at.items()):
            if time.monotonic() >= moment:
                del self._retry_at[part]
                self._control.start(part)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _note(self, happening: Happening) -> None:
        if happening.kind is Kind.ENDED:
            self.exits[happening.part] += 1
            self.is_shut_down |= (happening.part, happening.detail) == _SHUT_DOWN
        elif happening.kind is Kind.GAVE_UP:
            self._retry_at[happening.part] = time.monotonic() + RETRY_SECONDS
        self._listener(happening)


def parse(line: str) -> Happening | None:
    """The happening that a line of supervisord's log reports, if any."""
    match = _LINE.search(line)
    if match is None:
        return None
    kind = next(kind for kind in Kind if match.groupdict().get(kind))
    detail = match["pid"] or match["reason"] or ""
    return Happening(kind, match[kind], detail)
