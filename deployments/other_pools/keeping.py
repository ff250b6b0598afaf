"""Keeping a claim while the run goes on: lease, fence, cancellation, time limit."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

import psutil
import structlog
from prefect._internal import control_listener
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Cancelling, Failed

from deployments.isolation import outlived
from deployments.worker import session
from deployments.worker.request_store import Ending, RequestStore
from flows.common.claims import Claim
from flows.common.models import RequestState
from flows.common.quick_client import quick_client
from flows.common.sessions import members

_LEASES: Final = 3
_LOOK_SECONDS: Final = 3.0

_log = structlog.get_logger("run")


@dataclass(kw_only=True)
class Keeper:
    """Holds a request for the process's run, in a thread.

    Attributes:
        timeout_seconds: When the run is to have ended, whatever it is doing.
        is_cancelled: Whether somebody wants the request to end.
    """

    store: RequestStore
    claim: Claim
    timeout_seconds: float
    is_cancelled: bool = False
    _began: float = field(default_factory=time.monotonic)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        threading.Thread(target=self._keep, name="claim", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _keep(self) -> None:
        settings = self.store.settings
        pause = min(settings.lease_seconds / _LEASES, _LOOK_SECONDS)
        while not self._ended.wait(pause):
            with outlived("the claim of the run cannot be kept"):
                self._look()

    def _look(self) -> None:
        cancelled, lost = self.store.renew([self.claim])
        if lost:
            if not self._stops("reschedule"):
                self._end()  # whoever took it away has written the run's state
        elif cancelled:
            self._cancel()
        elif time.monotonic() - self._began > self.timeout_seconds + self._grace:
            self._time_out()

    @property
    def _grace(self) -> float:
        return self.store.settings.stop_grace_seconds

    def _cancel(self) -> None:
        """Have the worker that started the process end it, as if it was cancelled at Prefect."""
        self.is_cancelled = True
        self._say(Cancelling(message="cancelled"))
        if not (self._ended.wait(_LOOK_SECONDS) or self._stops("cancel")):
            self._say(Cancelled(message="cancelled"))
            self._end(Ending(state=RequestState.CANCELLED, error="cancelled"))

    def _time_out(self) -> None:
        """End what the engine's own limit could not interrupt."""
        text = f"timed out after {self.timeout_seconds:g} s"
        self._say(Failed(name="TimedOut", message=text))
        self._end(Ending(state=None, error=text))

    def _stops(self, intent: Literal["cancel", "reschedule"]) -> bool:
        """Ask the main thread to end, where nobody has yet; gives whether it does in time."""
        if control_listener.get_intent() is None:  # a second signal would disturb its last writes
            control_listener._set_intent(intent)  # noqa: SLF001 - as the runner before a SIGTERM
            os.kill(os.getpid(), signal.SIGTERM)
        return self._ended.wait(self._grace)

    def _end(self, ending: Ending | None = None) -> None:
        """End the process, whatever it is doing."""
        if ending is not None:
            self.store.conclude(self.claim, ending)
        _log.warning("the run's process is ended", request=self.claim.request_id)
        end_others()
        os._exit(1)

    def _say(self, state: State[Any]) -> None:
        with outlived("Prefect does not hear of the run's end"), quick_client() as client:
            client.set_flow_run_state(str(self.claim.flow_run_id), state, force=True)


def end_others() -> None:
    """Kill what the run has started and left: its session, where it leads one, and its children."""
    ours = os.getpid()
    left = {each.pid for each in psutil.Process().children(recursive=True)}
    if os.getsid(0) == ours:
        left |= {*members(ours)} - {ours}
    for pid in left:
        session.send(pid, signal.SIGKILL)
