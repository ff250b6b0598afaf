"""Fast monitoring, live: a snapshot made here, which the page then follows by the stream."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from api.fastmon import views
from api.fastmon.queries import live
from api.fastmon.queries.files import FILES_SHOWN
from api.fastmon.queries.heard import RUNS_SHOWN
from api.fastmon.views import Snapshot, Wanted
from api.http import pages
from api.http.access import gatekeeper
from api.http.sessions import settings_of
from api.requests.views import RequestView
from api.requests.views import views as views_of
from flows.common.database import transaction
from flows.common.settings import Settings

router = APIRouter(route_class=pages.PageRoute, prefix="/fastmon")

NO_NAMESPACE: Final = "-"
"""What stands in a page's address for STFs without a namespace; an empty one means all."""
_LARGEST_RUN: Final = 2**31 - 1
_CACHE_SECONDS: Final = 0.5
_CACHE_SIZE: Final = 100


@dataclass(frozen=True)
class _Read:
    """What a page shows, and when it was read."""

    snapshot: Snapshot
    sampling: tuple[RequestView, ...]
    at: float

    def is_good(self, known: int) -> bool:
        """Whether it still serves a page that knows the events up to `known`."""
        is_fresh = time.monotonic() - self.at < _CACHE_SECONDS
        return is_fresh and self.snapshot.last_event_id >= known


@dataclass
class _Cache:
    """What pages show, read once for all that ask at a time: all do when a sampling run ends.

    What was read before serves as well as what would be read anew, for a page goes on from its
    event; unless the page knows of a later event.
    """

    settings: Settings
    reads: dict[Wanted, _Read] = field(default_factory=dict)
    locks: dict[Wanted, asyncio.Lock] = field(default_factory=dict)

    async def get(self, engine: Engine, wanted: Wanted, known: int) -> _Read:
        async with self.locks.setdefault(wanted, asyncio.Lock()):
            found = self.reads.get(wanted)
            if found is None or not found.is_good(known):
                found = await run_in_threadpool(_read, engine, wanted, self.settings)
                if len(self.reads) >= _CACHE_SIZE:
                    self.reads.clear()
                    self.locks.clear()
                self.reads[wanted] = found
            return found


def _read(engine: Engine, wanted: Wanted, settings: Settings) -> _Read:
    with transaction(engine) as session:
        snapshot = live.take(session, wanted)
        sampling = live.sampling_runs(session, wanted.namespace)
        shown = views_of(session, sampling, settings)
    return _Read(snapshot, tuple(shown), time.monotonic())


@router.get("/", include_in_schema=False)
async def live_page(
    request: Request, namespace: str = "", run: str = "", after: int = 0
) -> Response:
    """The page. `after` is the event that a page which asks again has got to."""
    viewer = await pages.viewer_of(request)
    number, problem = _run_number(run)
    wanted = Wanted(namespace=_namespace(namespace), run=number)
    found = await _cache(request).get(request.app.state.engine, wanted, after)
    return await pages.show(
        request,
        "fastmon.html",
        viewer,
        status=400 if problem else 404 if found.snapshot.is_unknown else 200,
        shot=found.snapshot,
        problem=problem,
        asked={"namespace": namespace, "run": run},
        no_namespace=NO_NAMESPACE,
        sampling=found.sampling,
        words={
            "quiet_seconds": views.QUIET_SECONDS,
            "rate_seconds": views.RATE_SECONDS,
            "files_shown": FILES_SHOWN,
            "runs_shown": RUNS_SHOWN,
        },
    )


@router.get("/snapshot.json", summary="Fast monitoring's numbers", tags=["fastmon"])
async def snapshot(
    request: Request,
    response: Response,
    namespace: str = "",
    run: Annotated[int | None, Query(ge=0, le=_LARGEST_RUN)] = None,
    after: int = 0,
) -> Snapshot:
    """The live page's numbers; follow the stream from `last_event_id` on to keep them current.

    `namespace` is `-` for STFs that have none. With `after`, no older state than that event's.
    """
    pages.admit(request, response, await gatekeeper(request).reader(request))
    response.headers["Cache-Control"] = "no-store"
    wanted = Wanted(namespace=_namespace(namespace), run=run)
    return (await _cache(request).get(request.app.state.engine, wanted, after)).snapshot


def _cache(request: Request) -> _Cache:
    state = request.app.state
    if not hasattr(state, "fastmon_cache"):
        state.fastmon_cache = _Cache(settings_of(request))
    cache: _Cache = state.fastmon_cache
    return cache


def _namespace(text: str) -> str | None:
    return "" if text == NO_NAMESPACE else text or None


def _run_number(text: str) -> tuple[int | None, str]:
    """The run's number in the address, and what is wrong with it."""
    wanted = text.strip()
    if not wanted:
        return None, ""
    if wanted.isascii() and wanted.isdecimal() and int(wanted[:11]) <= _LARGEST_RUN:
        return int(wanted), ""
    return None, f"“{wanted[:40]}” is no run number; all runs are shown."
