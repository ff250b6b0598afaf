"""The web tier: REST, pages and the stream. It holds no grid credential and no Prefect key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.datastructures import State

from api.http import assets, errors, folders, pages
from api.http.access import Gatekeeper, read_cookie_key
from api.http.background import running
from api.http.bodies import BodyLimit
from api.http.hosts import HostCheck
from api.http.measures import HttpMeasures, Measured
from api.http.methods import Methods, SlashTolerant
from api.http.sessions import Reserve
from api.http.stream import Feed
from flows.common.database import make_engine, web_limits
from flows.common.settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The application, as these settings want it."""
    app = routed(settings.stack.root_path)
    equip(app, settings)
    return app


def routed(prefix: str) -> FastAPI:
    """Every router of `api.<capability>.routes` and `.pages`, with nothing to work with yet.

    Raises:
        NameTaken: Two static files, or two templates, have one name.
    """
    app = FastAPI(
        title="prodops",
        summary="ePIC production operations and fast monitoring",
        version=version("epic-prodops"),
        docs_url=None,  # api/site/pages.py: the same, without a CDN
        redoc_url=None,
        openapi_url=f"{prefix}/openapi.json",
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    errors.install(app)
    assets.find()
    pages.environment()
    app.include_router(assets.router, prefix=prefix)
    for module in (*folders.modules("routes"), *folders.modules("pages")):
        if hasattr(module, "router"):
            app.include_router(module.router, prefix=prefix)
    app.add_middleware(Measured)
    app.add_middleware(BodyLimit)
    app.add_middleware(Methods)
    app.add_middleware(SlashTolerant)
    app.add_middleware(HostCheck)
    return app


def equip(app: FastAPI, settings: Settings) -> None:
    """Give the application what its routes work with; its prefix is that of the settings."""
    # A new state: nothing that was kept for others is left.
    app.state = State({"settings": settings, "hosts": settings.api.hosts})
    app.state.last_unavailable = None
    app.state.engine = make_engine(
        pool_size=settings.database.pool_size, limits=web_limits(settings)
    )
    app.state.reserve = Reserve(settings)
    app.state.gatekeeper = Gatekeeper(
        app.state.reserve, settings.api, read_cookie_key(settings.api.cookie_key_file)
    )
    app.state.feed = Feed(settings.stream)
    app.state.http_measures = HttpMeasures()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    feed: Feed = app.state.feed
    try:
        keeper: Gatekeeper = app.state.gatekeeper
        async with running(feed.run(), feed.beat(), feed.expel(keeper.is_good)):
            yield
    finally:
        app.state.engine.dispose()
        app.state.reserve.engine.dispose()
