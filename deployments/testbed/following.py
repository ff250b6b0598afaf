"""A workflow followed from its request to its end, which Ctrl+C asks for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from blocks.errors import OutsideUnavailable, ProdOpsError
from blocks.monitor_api import StreamEvent, TokenRefused
from blocks.monitor_api.actions import ActionApi, ActionState
from deployments.cli.events import EventReader
from deployments.testbed.interruption import Interruption
from deployments.testbed.progress import Progress

_TICK_SECONDS: Final = 0.2
_RECOUNT_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 2.0
_SETTLE_SECONDS: Final = 15.0
_QUIET_SECONDS: Final = 1.0

Say = Callable[[str], None]


@dataclass
class Follower:
    """Follows one request of `run_workflow`.

    Attributes:
        api: The monitor.
        events: What its stream says.
        progress: What has come.
        interruption: Whether somebody wants the workflow to stop.
        say: Tells people something, in a line.
        heard: Is called with each event of the execution.
        recount: Counts anew what the stream does not say: what agents send elsewhere on a bus.
    """

    api: ActionApi
    events: EventReader
    progress: Progress
    interruption: Interruption
    say: Say
    heard: Callable[[StreamEvent], None]
    recount: Callable[[], None] = lambda: None
    _looked_at: float = 0.0
    _is_stop_asked: bool = False
    _is_away: bool = False

    def until_ended(self) -> ActionState:
        """Wait for the request's end, having the workflow stopped where that is wanted.

        Raises:
            TokenRefused: The token is not good any more.
            Leave: Ctrl+C came a second time.
        """
        while True:
            self._hear(_TICK_SECONDS)
            if self.interruption.is_wanted and not self._is_stop_asked:
                self._ask_to_stop()
            if self._is_time_to_look():
                state = self._look()
                if state is not None and not state.is_open:
                    return state

    def until_settled(self, expected: dict[str, int]) -> None:
        """Wait until as many messages of each type have come, and no more come; or for a while.

        Args:
            expected: Numbers by type: what agents say of each STF.
        """
        deadline = time.monotonic() + _SETTLE_SECONDS
        heard_at, total, recounted_at = time.monotonic(), self.progress.counts.total(), -math.inf
        while not self.interruption.is_wanted and time.monotonic() < deadline:
            self._hear(_TICK_SECONDS)
            if time.monotonic() > recounted_at + _RECOUNT_SECONDS:
                recounted_at = time.monotonic()
                self.recount()
            counts = self.progress.counts
            if counts.total() != total:
                heard_at, total = time.monotonic(), counts.total()
            is_complete = all(counts[name] >= number for name, number in expected.items())
            if is_complete and time.monotonic() > heard_at + _QUIET_SECONDS:
                return

    def _hear(self, seconds: float) -> None:
        """Take what the stream says, for as long as something waits."""
        event = self.events.next(seconds)
        while event is not None:
            if self.progress.take(event):
                self.heard(event)
            event = self.events.next(0)

    def _is_time_to_look(self) -> bool:
        return self.progress.is_over or time.monotonic() - self._looked_at > _LOOK_SECONDS

    def _look(self) -> ActionState | None:
        """The request, if the monitor answers."""
        self._looked_at, self.progress.is_over = time.monotonic(), False
        try:
            state = self.api.request(self.progress.request_id)
        except OutsideUnavailable as error:
            if not self._is_away:
                self.say(f"{error}; the workflow goes on, and is waited for")
            self._is_away = True
            return None
        self._is_away = False
        return state

    def _ask_to_stop(self) -> None:
        """Ask for the workflow's end, which comes with its `end_run`."""
        progress = self.progress
        named = {"execution_id": progress.execution_id} if progress.execution_id else None
        try:
            self.api.ask("stop_workflow", named or {"namespace": progress.namespace})
        except OutsideUnavailable:
            return  # asked again at the next look
        except TokenRefused:
            raise
        except ProdOpsError as error:  # it may have ended by itself meanwhile
            self.say(f"stop_workflow: {error}")
        else:
            self.say("the workflow is to stop; its end_run is waited for (Ctrl+C again: leave)")
        self._is_stop_asked = True
