"""What the reader may do; and, for administrators, who else may do what."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.http import pages
from api.http.sessions import read
from flows.common import access
from flows.common.callers import Scope

router = APIRouter(route_class=pages.PageRoute, prefix="/access", include_in_schema=False)


@router.get("/")
async def show_access(request: Request) -> Response:
    """The reader's scopes; the tokens and users only with the scope admin."""
    viewer = await pages.viewer_of(request)
    found = await read(request, _all) if viewer.may(Scope.ADMIN) else {}
    return await pages.show(request, "access.html", viewer, known=pages.known(viewer), **found)


def _all(session: Session) -> dict[str, Any]:
    return {
        "tokens": access.list_tokens(session),
        "users": access.list_users(session),
        "policy": access.policy(session),
    }
