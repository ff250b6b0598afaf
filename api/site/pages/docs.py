"""The API's reference at `/docs`: Swagger UI with its assets out of a wheel, not from a CDN."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.http import pages

router = APIRouter(route_class=pages.PageRoute, include_in_schema=False)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Every route, with its parameters, forms and examples."""
    return await pages.show(request, "docs.html", await pages.viewer_of(request))
