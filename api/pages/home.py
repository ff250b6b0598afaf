"""The start page: what is here."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.pages import shell

router = APIRouter(route_class=shell.PageRoute, include_in_schema=False)


@router.get("/")
async def home(request: Request) -> Response:
    """Links to the pages and to the API's documentation."""
    return await shell.show(request, "home.html", await shell.viewer_of(request))
