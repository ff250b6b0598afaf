"""How far a long action is: announced twice a second at most."""

from __future__ import annotations

import time
from typing import Any, Final

from flows.common import run
from flows.common.actions import Action
from flows.provenance import messages

_LEAST_SECONDS: Final = 0.5


class Progress:
    """The progress of one action; `about`: what each announcement says besides."""

    def __init__(self, action: Action, subject: str | None = None, **about: Any) -> None:
        self._action = action.name
        self._subject = subject
        self._about = about
        self._announced_at = 0.0

    def announce(self, text: str, done: int = 0, total: int = 0, *, is_due: bool = False) -> None:
        """Announce it, unless something was announced just now; `is_due`: all the same.

        Raises:
            ClaimLost: The request is no longer ours: there is nobody to go on for.
        """
        if not is_due and time.monotonic() - self._announced_at < _LEAST_SECONDS:
            return
        self._announced_at = time.monotonic()
        present = run.current()
        fields = {**self._about, "done": done, "total": total, "text": text}
        event = messages.progress(self._action, present.claim, self._subject, **fields)
        present.write(lambda _, announce: announce(event))
