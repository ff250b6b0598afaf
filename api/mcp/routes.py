"""Where the MCP server is mounted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.routing import Mount

from api.mcp.guard import guard
from api.mcp.limits import CallLimit
from api.mcp.server import make_server


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    served = make_server().http_app(path="/", stateless_http=True, json_response=True)
    async with served.lifespan(served):
        app.state.mcp = served
        app.state.mcp_limit = CallLimit(app.state.settings.mcp.calls_a_minute)
        yield


router = APIRouter(lifespan=_lifespan)
router.routes.append(Mount("/mcp", app=guard))
