"""The start page: what is here."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.http import pages

router = APIRouter(route_class=pages.PageRoute, include_in_schema=False)


@router.get("/")
async def home(request: Request) -> Response:
    """Links to the pages and to the API's documentation."""
    return await pages.show(request, "home.html", await pages.viewer_of(request))
