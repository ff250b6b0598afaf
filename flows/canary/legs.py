"""What every leg is given: the way to the web tier, a client of its stream, and a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from blocks.errors import ProdOpsError
from blocks.monitor_api import MonitorApi
from blocks.monitor_api.actions import ActionApi, ActionState
from blocks.monitor_api.stream import StreamEvent, StreamFilter
from flows.common import events, run
from flows.common.settings import Settings

_ENDS: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class LegFailed(ProdOpsError):
    """The chain is broken here."""


class EndNotHeard(LegFailed):
    """A request's end was not heard of on the stream in time.

    Attributes:
        state: How the request stood then.
    """

    def __init__(self, action: str, state: ActionState) -> None:
        """Say which request it is."""
        self.state = state
        super().__init__(
            f"{action}: the end of request {state.id} was not heard of on the stream in time; it "
            f"is {state.state}"
        )


class LegUnknown(ProdOpsError):
    """A service outside did not answer, so that nothing is known of the chain behind it."""


class LegSkipped(ProdOpsError):
    """What the leg needs is not set."""


@dataclass(frozen=True)
class Monitor:
    """The web tier, as a client on the ops side reaches it.

    Attributes:
        url: Its address.
        token: Our token there.
        deadline: When the leg has to be over, by the monotonic clock.
    """

    url: str
    token: str
    deadline: float

    @property
    def left_seconds(self) -> float:
        """How much of the leg's time is left."""
        return max(0.1, self.deadline - time.monotonic())

    @contextmanager
    def sender(self) -> Iterator[MonitorApi]:
        """A client that sends messages and follows the stream, without second tries."""
        api = MonitorApi(self.url, self.token, timeout_seconds=self.left_seconds, attempts=1)
        with api:
            yield api

    @contextmanager
    def asker(self) -> Iterator[ActionApi]:
        """A client that asks for actions."""
        with ActionApi(self.url, self.token, timeout_seconds=self.left_seconds) as api:
            yield api

    def ended(self, action: str, parameters: dict[str, object]) -> ActionState:
        """Ask for an action, hear of its run's end on the stream, and read how it ended.

        Raises:
            EndNotHeard: It was not heard of in time.
            TokenRefused, RequestRefused, MonitorUnavailable: As the monitor answers.
        """
        after = run.current().read(events.last_id)
        with self.asker() as api:
            asked = api.ask(action, parameters)
            wanted = StreamFilter(msg_types=("flow_run_state",))
            for event in self.heard(wanted, after=after):
                if not _is_end(event, asked.id):
                    continue
                state = api.request(asked.id)
                if not state.is_open:
                    return state
            raise EndNotHeard(action, api.request(asked.id))

    def heard(self, wanted: StreamFilter, *, after: int | None) -> Iterator[StreamEvent]:
        """The events of the stream after that one, until the leg's time is over."""
        with self.sender() as api:
            stream = api.follow(wanted, after=after)
            timer = threading.Timer(self.left_seconds, stream.close)
            timer.start()
            try:
                yield from stream
            finally:
                timer.cancel()
                stream.close()


def monitor_of(configured: Settings) -> Monitor:
    """The web tier as the settings name it.

    Raises:
        LegSkipped: There is no token for it.
        LegFailed: Its file cannot be read.
    """
    path = configured.canary.token_file
    if path is None:
        raise LegSkipped("there is no token for the web tier: set PRODOPS_CANARY_TOKEN_FILE")
    if configured.worker.limit < 2:  # noqa: PLR2004 - this run, and what it asks for
        raise LegSkipped("PRODOPS_WORKER_LIMIT is 1: nothing else runs while this does")
    try:
        token = path.read_text().strip()
    except OSError as error:
        raise LegFailed(f"the token of the canary cannot be read: {error.strerror}") from error
    url = configured.canary.monitor_url or configured.api.monitor_url
    return Monitor(url, token, time.monotonic() + configured.canary.leg_seconds)


def _is_end(event: StreamEvent, request_id: int) -> bool:
    says = event.data
    return says.get("request_id") == request_id and says.get("state_type") in _ENDS
