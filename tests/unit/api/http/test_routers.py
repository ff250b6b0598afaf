"""A router with a prefix serves what is below it, and is passed over for all else."""

import asyncio

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from api.http.routers import PrefixRouter


@pytest.mark.parametrize("prefix", ["", "/prod"])
@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/a/x/", 200), ("/api/a/y/", 404), ("/api/ab/", 404), ("/api/b/x/", 404)],
)
def test_what_is_below_the_prefix_is_served(prefix, path, status):
    inner = PrefixRouter(prefix="/api/a")
    inner.add_api_route("/x/", lambda: "x")
    outer = APIRouter()
    outer.include_router(inner)
    app = FastAPI()
    app.include_router(outer, prefix=prefix)

    async def get() -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return (await client.get(prefix + path)).status_code

    assert asyncio.run(get()) == status


def test_its_routes_are_not_tried_for_other_paths(monkeypatch):
    tried: list[str] = []
    monkeypatch.setattr(
        APIRouter, "matches", lambda _self, scope: tried.append(scope["path"]) or (0, {})
    )
    router = PrefixRouter(prefix="/api/a")
    for path in ("/api/b/", "/prod/api/a/x/"):
        router.matches({"path": path})
    assert tried == ["/prod/api/a/x/"]
