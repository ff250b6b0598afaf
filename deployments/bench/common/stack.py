"""Where a bench plays: a whole stack of its own, a token, and the ops role's engine."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import typer
from sqlalchemy import Engine, make_url, text

from blocks.errors import ProdOpsError
from deployments.sandbox.campaign import CampaignMaker
from deployments.stack.control import Control
from deployments.stack.stack import Stack
from flows.common import access, callers
from flows.common.database import make_engine, transaction
from flows.common.models import OPEN

_POLL_SECONDS: Final = 0.1
_CALM_PATIENCE_SECONDS: Final = 90.0
_ENDED: Final = frozenset({"completed", "failed", "cancelled", "unknown"})
_OPEN: Final = "SELECT count(*) FROM request WHERE state = ANY(:states)"
_RECORDED: Final = """
    SELECT name FROM pcs_prod_task WHERE name = ANY(:names) AND panda_task_id IS NOT NULL
"""
_FILES: Final = 20_000

_began = time.monotonic()


class BenchBroken(ProdOpsError):
    """A bench could not be carried through; its figures would mean nothing."""


def say(words: str) -> None:
    """Tell of the progress, on standard error."""
    typer.echo(f"[{time.monotonic() - _began:6.1f} s] {words}", err=True)


def comes_true(
    is_so: Callable[[], bool], seconds: float, *, every_seconds: float = _POLL_SECONDS
) -> bool:
    """Wait until something is so; gives whether it is, in that time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_seconds)
    return True


def until(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is so.

    Raises:
        BenchBroken: It is not, in that time.
    """
    if not comes_true(is_so, seconds):
        raise BenchBroken(f"waited {seconds:g} s in vain: {what}")


@dataclass(frozen=True)
class BenchStack:
    """A running stack and the ways into it."""

    stack: Stack
    token: str
    engine: Engine
    http: httpx.Client

    @property
    def parts(self) -> dict[int, str]:
        """Names of the stack's parts by pid."""
        states = Control(self.stack.layout).states()
        return {state.pid: state.name for state in states if state.pid is not None}

    def check_pipeline(self) -> float:
        """Trigger the empty action; gives the seconds from its acceptance to the flow's start."""
        answer = self.http.post("/api/actions/check_pipeline/").raise_for_status().json()
        seen: dict[str, Any] = {}

        def is_ended() -> bool:
            found = self.http.get(f"/api/requests/{answer['request_id']}/")
            if found.is_server_error:  # a stack that is still starting may be too busy
                return False
            seen.update(found.raise_for_status().json())
            return seen["state"] in _ENDED

        until(is_ended, 90, f"request {answer['request_id']} ends")
        if seen["state"] != "completed":
            raise BenchBroken(f"check_pipeline {seen['state']}: {seen['error']}")
        return float(seen["result"]["trigger_to_start_s"])

    def wait_calm(
        self, calm_seconds: float = 1.0, *, patience_seconds: float = _CALM_PATIENCE_SECONDS
    ) -> None:
        """Wait until no request is open, and that much longer."""
        until(
            lambda: self.count(_OPEN, states=list(OPEN)) == 0,
            patience_seconds,
            "no request is open",
        )
        time.sleep(calm_seconds)

    def event_ids(self, after: int) -> list[int]:
        """Ids of the events after one id, in order."""
        return self.values("SELECT id FROM event WHERE id > :after ORDER BY id", after=after)

    def last_event_id(self) -> int:
        """Id of the newest event."""
        return self.count("SELECT coalesce(max(id), 0) FROM event")

    def make_tasks(self, samples: Sequence[str]) -> list[str]:
        """Make a production task of each sample at PCS, ready to be submitted, by their names."""
        with CampaignMaker(self.stack.api_url, self.token) as maker:
            return maker.make(samples)

    def recorded(self, names: Sequence[str]) -> set[str]:
        """Those of the production tasks that PCS has an id of."""
        return set(self.values(_RECORDED, names=list(names)))

    def count(self, statement: str, **parameters: Any) -> int:
        """The one number that a statement gives."""
        return int(self.values(statement, **parameters)[0])

    def values(self, statement: str, **parameters: Any) -> list[Any]:
        """The first column of what a statement gives."""
        with transaction(self.engine) as session:
            return list(session.scalars(text(statement), parameters))


@contextmanager
def bench_stack(overrides: Mapping[str, str] | None = None) -> Iterator[BenchStack]:
    """A stack that has run its first two empty flows, so that all of it is warm."""
    _raise_file_limit()
    say("starting a stack in a temporary directory")
    with Stack.temporary(overrides) as stack, open_bench(stack) as ready:
        yield ready
        say("ending the stack")


@contextmanager
def open_bench(stack: Stack) -> Iterator[BenchStack]:
    """The ways into a running stack, which has run two empty flows."""
    given = stack.environment("ops")
    engine = make_engine(
        make_url(given["PRODOPS_DATABASE_URL"]),
        passfile=Path(given["PRODOPS_DATABASE_PASSFILE"]),
        pool_size=2,
    )
    with transaction(engine) as session:
        token = access.create_token(session, "bench", scopes=callers.ALL)
    headers = {"Authorization": f"Token {token}"}
    with httpx.Client(base_url=stack.api_url, headers=headers, timeout=30) as http:
        ready = BenchStack(stack, token, engine, http)
        warm = [ready.check_pipeline() for _ in range(2)]
        say(f"warm: two empty flows started after {warm[0]:.2f} and {warm[1]:.2f} s (dropped)")
        try:
            yield ready
        finally:
            engine.dispose()


def _raise_file_limit() -> None:
    """Let this process and the stack that it starts hold a thousand connections and more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else _FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
