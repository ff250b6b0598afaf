"""A run of an action: what it works with, and the only three ways in which it writes.

Each way is one transaction with the events that it announces, fenced by the run's claim, and
repeated through an outage of the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from blocks import tracing
from blocks.errors import ProdOpsError
from blocks.tracing import SpanKind
from flows.common import cancellations, claims, events, holding, requests
from flows.common.actions import Action
from flows.common.claims import Claim, ClaimLost
from flows.common.credential_paths import credential_paths
from flows.common.database import make_engine, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.events import NewEvent
from flows.common.models import RequestState
from flows.common.progress import ProgressArtifact
from flows.common.run_artifacts import key_of
from flows.common.settings import Settings, settings
from flows.common.sources import PATIENCE_SECONDS, Sources

_OUTAGE_SECONDS: Final = 300.0
_MOST_NAMED: Final = 20
_through_outage: Final = Retrying(
    retry=retry_if_exception_type(DatabaseUnavailable),
    wait=wait_exponential(multiplier=0.2, max=5.0),
    stop=stop_after_delay(_OUTAGE_SECONDS),
    reraise=True,
)
_CONNECTIONS: Final = 2  # a long reading holds one while its progress is written with another

_T = TypeVar("_T")
Announce = Callable[[NewEvent], None]
"""Takes an event, which is appended as the transaction commits."""
Work = Callable[[Session, Announce], _T]
"""What one transaction does; it may be done again where the database was away."""


class PartsFailed(ProdOpsError):
    """A request has ended, as failed, with some of its parts undone; each is named."""


class RunPutOff(ProdOpsError):
    """The truth is not known yet: the request waits, and a later run goes on."""


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a request ends: completed with a result, or failed or cancelled with an error."""

    state: RequestState = RequestState.COMPLETED
    result: dict[str, Any] | None = None
    error: str | None = None

    @classmethod
    def failed(cls, error: str) -> Ending:
        """A failure, with its reason."""
        return cls(state=RequestState.FAILED, error=error)


@dataclass
class Run:
    """One attempt at a request, under way in this process."""

    settings: Settings
    engine: Engine
    claim: Claim
    sources: Sources
    action: Action | None = None
    progress: ProgressArtifact | None = None
    _began: float = field(default_factory=time.monotonic)
    _limit: tuple[float, Callable[[float], ProdOpsError]] | None = None
    _ending: Ending | None = None  # what this process last tried to end the request with
    _adapters: dict[Any, Any] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    # ------------------------------------------------------------------ what it works with

    def adapter(self, opener: Callable[[Run], AbstractContextManager[_T]]) -> _T:
        """The adapter that `opener` makes: opened when it is first asked for, closed at the end."""
        if opener not in self._adapters:
            self._adapters[opener] = self._open.enter_context(opener(self))
        return cast("_T", self._adapters[opener])

    def limit_to(self, seconds: float, expired: Callable[[float], ProdOpsError]) -> None:
        """Set how long the run may take from its begin on; `expired` makes the error for later."""
        self._limit = (seconds, expired)

    def remaining(self) -> float:
        """Seconds that are left of the run's limit.

        Raises:
            ProdOpsError: None are, as `limit_to` says it.
        """
        if self._limit is None:
            return float("inf")
        seconds, expired = self._limit
        if (left := seconds - self.elapsed()) <= 0:
            raise expired(seconds)
        return left

    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    # ------------------------------------------------------------------ what it writes

    def write(self, work: Work[_T], *, connection: Connection | None = None) -> _T:
        """Write in one transaction, as the attempt that owns the request.

        Args:
            work: Writes and announces; gives what this gives.
            connection: To do it on, once: what is staged there would not outlive an outage. It is
                in no transaction.

        Raises:
            ClaimLost: The request is no longer ours.
            DatabaseUnavailable: The database stayed away; or, on a connection, was away.
        """

        def fenced(session: Session, announce: Announce) -> _T:
            holding.fence(session, self.claim)
            return work(session, announce)

        return self._transact(fenced, connection)

    def finish(
        self, ending: Ending | Work[Ending | None], *, connection: Connection | None = None
    ) -> bool:
        """End the request, with what the run still writes; its row is locked before.

        A commit whose answer was lost is found to have happened.

        Args:
            ending: How, or the work that gives it; where that gives None, the request goes on.
            connection: To do it on, once.

        Returns:
            Whether the request has ended.

        Raises:
            ClaimLost: The request is no longer ours.
            DatabaseUnavailable: As for :meth:`write`.
        """

        def ended(session: Session, announce: Announce) -> bool:
            holding.lock_for_end(session, self.claim)
            how = ending if isinstance(ending, Ending) else ending(session, announce)
            if how is None:
                return False
            self._ending = how
            holding.finish(session, self.claim, how.state, result=how.result, error=how.error)
            return True

        try:
            return self._transact(ended, connection)
        except (ClaimLost, DatabaseUnavailable):
            if self._ending is not None and self.read(self._has_ended):
                return True
            raise

    def finish_parts(self, result: dict[str, Any], failures: Sequence[str]) -> None:
        """End the request of a run whose parts do not hinder each other.

        Args:
            result: What the parts gave.
            failures: Of the others, each naming its part and what was wrong.

        Raises:
            PartsFailed: There are failures; that is recorded.
            ClaimLost, DatabaseUnavailable: As for :meth:`finish`.
        """
        if not failures:
            self.finish(Ending(result=result))
            return
        more = len(failures) - _MOST_NAMED
        error = "; ".join([*failures[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])
        self.finish(Ending(state=RequestState.FAILED, result=result, error=error))
        raise PartsFailed(error)

    def put_off(
        self,
        reason: str,
        *,
        delay_seconds: float,
        is_unknown: bool = True,
        work: Work[None] | None = None,
    ) -> None:
        """End the run and not the request: a later run goes on.

        Args:
            reason: What is not known, or not recorded.
            delay_seconds: When that run begins.
            is_unknown: Whether an outside effect may have happened; else the request is queued.
            work: What is written with it.

        Raises:
            ClaimLost: The request is no longer ours.
        """
        release = holding.put_off if is_unknown else holding.give_back

        def put_off(session: Session, announce: Announce) -> None:
            if work is not None:
                work(session, announce)
            release(session, self.claim, error=reason, delay_seconds=delay_seconds)

        self.write(put_off)

    # ------------------------------------------------------------------ what it reads

    def read(self, work: Callable[[Session], _T]) -> _T:
        """Read in one transaction, repeated through an outage of the database."""

        def reading() -> _T:
            with transaction(self.engine) as session:
                return work(session)

        return _through_outage(reading)

    def requested_by(self) -> str:
        """Who asked for the run's request."""
        return self.read(lambda session: requests.get(session, self.claim.request_id).requested_by)

    def traced(self) -> AbstractContextManager[Any]:
        """A span of the run, in the trace of what asked for it; without traces, nothing."""
        if not tracing.is_on() or self.action is None:
            return nullcontext()
        request_id = self.claim.request_id
        asked = self.read(lambda session: requests.get(session, request_id).traceparent)
        return tracing.span(
            self.action.name,
            SpanKind.CONSUMER,
            parent=asked,
            request_id=request_id,
            attempt=self.claim.attempt,
            flow_run_id=str(self.claim.flow_run_id),
        )

    def is_cancelled(self) -> bool:
        """Whether somebody wants the request to end."""
        return self.read(
            lambda session: cancellations.of(session, self.claim.request_id) is not None
        )

    def _has_ended(self, session: Session) -> bool:
        """Whether a commit of this process whose answer was lost has ended the request."""
        request = requests.get(session, self.claim.request_id)
        is_ours = request.attempts == self.claim.attempt
        return is_ours and self._ending is not None and request.state == self._ending.state

    def _transact(self, work: Work[_T], connection: Connection | None) -> _T:
        """Do it in one transaction: on the connection once, else repeated through an outage."""
        if connection is not None and connection.in_transaction():
            raise ValueError("the connection is in a transaction, which would not be committed")

        def transact() -> _T:
            announced: list[NewEvent] = []

            def announce(event: NewEvent) -> None:
                payload = credential_paths.without(event.payload)  # clients of the web tier read it
                announced.append(replace(event, payload=payload))

            with transaction(connection or self.engine) as session:
                value = work(session, announce)
                events.commit(session, announced)
            return value

        return transact() if connection is not None else _through_outage(transact)

    def show_progress(self, done: float, total: float, text: str) -> None:
        """Show at Prefect how much of the total is done; a run of a moment shows nothing."""
        if self.progress is not None:
            self.progress.show(done, total, text)

    def close(self) -> None:
        """Close what was opened."""
        self._open.close()


_current: ContextVar[Run] = ContextVar("prodops_run")
_engine: ContextVar[Engine | None] = ContextVar("prodops_engine", default=None)


def engine_of_a_run() -> Engine:
    """An engine as a run needs it; it opens no connection yet."""
    return make_engine(pool_size=_CONNECTIONS)


def use(engine: Engine | None) -> None:
    """Have the runs of this process use the engine, which they leave open; None: their own."""
    _engine.set(engine)


def current() -> Run:
    """The present run."""
    return _current.get()


@contextmanager
def opened(
    action: Action | None = None, *, say: Callable[[str], None] = lambda _: None
) -> Iterator[Run]:
    """Make a run, of the action, of the claim that this process holds.

    Args:
        action: What is run.
        say: Is told where the configuration of each outside service comes from.

    Raises:
        ClaimLost: It holds none.
    """
    claim = claims.held()
    progress = None if action is None else ProgressArtifact(key_of(action, "progress"))
    sources = Sources(settings(), say=say, patience_seconds=PATIENCE_SECONDS)
    with _opened_engine() as engine:
        tracing.watch(lambda exporting: exporting.watch_engines(engine))
        run = Run(settings(), engine, claim, sources, action, progress)
        token = _current.set(run)
        try:
            yield run
        finally:
            _current.reset(token)
            run.close()


@contextmanager
def _opened_engine() -> Iterator[Engine]:
    """The engine that this process is to use; else one of the run's own."""
    if (given := _engine.get()) is not None:
        yield given
        return
    own = engine_of_a_run()
    try:
        yield own
    finally:
        own.dispose()
