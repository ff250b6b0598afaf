"""`GET /metrics`, for Prometheus: an answer in any case, with what can be read now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from importlib.metadata import version
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from api.http.access import gatekeeper
from api.http.errors import PASSING, reading
from api.http.stream import Feed
from api.metrics import families, queries
from api.metrics.queries import Common
from flows.common.callers import Caller
from flows.common.database import transaction

router = APIRouter(tags=["metrics"])

_log = structlog.get_logger("metrics")
_FRESH_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 3.0  # a scrape usually ends after ten


class CommonCache:
    """What was read of the database last; one reading at a time, whoever asks."""

    def __init__(self) -> None:
        self._reading: asyncio.Future[Common] | None = None
        self._last: Common | None = None
        self._read_at = 0.0

    async def get(self, engine: Any) -> Common | None:
        """What the database knows, as of two seconds ago at most; None where it does not answer."""
        if self._last is not None and time.monotonic() - self._read_at < _FRESH_SECONDS:
            return self._last
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(run_in_threadpool(_read, engine))
            self._reading.add_done_callback(_looked_at)
        # It goes on after the scrape has given up: a thread cannot be cancelled.
        done, _ = await asyncio.wait([self._reading], timeout=_PATIENCE_SECONDS)
        if not done:
            return None
        try:
            self._last, self._read_at = self._reading.result(), time.monotonic()
        except PASSING:
            return None
        except SQLAlchemyError:  # a schema of another version: the rest is said all the same
            _log.exception("the database's metrics cannot be read")
            return None
        return self._last


class Collected(Collector):
    """Families that are there already, for prometheus-client to write."""

    def __init__(self, found: Iterable[Any]) -> None:
        self._found = found

    def collect(self) -> Iterable[Any]:
        """Give them."""
        return self._found


async def _scraper(request: Request) -> Caller:
    return await gatekeeper(request).scraper(request)


@router.get(
    "/metrics/",
    summary="Metrics for Prometheus",
    response_class=PlainTextResponse,
    responses=reading(),
)
async def metrics(request: Request, _caller: Annotated[Caller, Depends(_scraper)]) -> Response:
    """What this web process measures, and what the database knows of all parts.

    While the database is away, `prodops_database_up` is 0 and the rest of it is left out.
    """
    state = request.app.state
    if not hasattr(state, "metrics_cache"):
        state.metrics_cache = CommonCache()
    cache: CommonCache = state.metrics_cache
    common = await cache.get(state.engine)
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    return Response(encode(_registry(state, common)), headers=headers)


def _registry(state: Any, common: Common | None) -> CollectorRegistry:
    registry = CollectorRegistry()
    feed: Feed = state.feed
    own = families.of_process(
        feed, state.http_measures, version("epic-prodops"), is_database_up=common is not None
    )
    registry.register(Collected(list(own)))
    if common is not None:
        registry.register(Collected(list(families.of_database(common))))
        registry.register(Collected(list(families.of_parts(common))))
    ProcessCollector(registry=registry)
    return registry


def _looked_at(reading: asyncio.Future[Common]) -> None:
    """Take its error: where nobody waits for it any more, it would be logged as unexpected."""
    if not reading.cancelled():
        reading.exception()


def _read(engine: Any) -> Common:
    with transaction(engine) as session:
        return queries.read(session)
