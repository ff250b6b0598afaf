"""What every page shares: templates, links under the prefix, headers, and who may look.

No answer here is a redirect, nor a 304: a proxy of the original's site turns each into a 502.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.http import folders, wording
from api.http.access import COOKIE, NOBODY, VISITOR, Caller, gatekeeper
from api.http.assets import asset_path
from api.http.errors import PASSING, RETRY_SECONDS, Rejection, note
from api.http.sessions import settings_of
from blocks.errors import ProdOpsError
from flows.common.database import now

_HEADERS: Final = {
    # Plotly sets styles of its elements; scripts come from our own files only.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'self'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def render(
    request: Request, template: str, *, status: int = 200, viewer: Caller = NOBODY, **values: Any
) -> Response:
    """The page made of a template, with the headers that every page has."""
    prefix = prefix_of(request)
    text = (
        environment()
        .get_template(template)
        .render(
            url=lambda path: f"{prefix}{path}",
            asset=lambda name: f"{prefix}{asset_path(name)}",
            here=request.url.path,
            viewer=viewer.name if viewer.name != VISITOR else "",
            now=now(),
            version=version("epic-prodops"),
            **values,
        )
    )
    return HTMLResponse(text, status, _HEADERS)


async def show(request: Request, template: str, viewer: Caller, **values: Any) -> Response:
    """A page for a caller who may read; anonymous callers get a visitor cookie.

    The visitor's cookie lets the page's EventSource follow the stream.
    """
    response = render(request, template, viewer=viewer, **values)
    admit(request, response, viewer)
    return response


async def viewer_of(request: Request) -> Caller:
    """Who looks at a page.

    Raises:
        LoginNeeded: Reads are closed, and nobody is known.
    """
    try:
        return await gatekeeper(request).reader(request)
    except Rejection:
        raise LoginNeeded from None


class LoginNeeded(ProdOpsError):
    """The page is for those who have signed in."""


class PageRoute(APIRoute):
    """A route that answers people: who must sign in, or come back later, gets that in HTML."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with its errors made pages."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except LoginNeeded:
                target = str(request.url.replace(scheme="", netloc="", fragment=""))
                return login_page(request, status=401, target=target)
            except PASSING as error:
                note(request, error)
                page = render(request, "unavailable.html", status=503, reason=str(error))
                page.headers["Retry-After"] = RETRY_SECONDS
                return page

        return guarded


def login_page(request: Request, *, status: int, problem: str = "", target: str = "") -> Response:
    """The form that asks for a token."""
    return render(
        request, "login.html", status=status, problem=problem, target=local_path(request, target)
    )


def admit(request: Request, response: Response, viewer: Caller) -> None:
    """Give an anonymous caller a visitor cookie."""
    if viewer is NOBODY:
        set_cookie(request, response, VISITOR)


def set_cookie(request: Request, response: Response, name: str) -> None:
    """Let the browser read as `name` from now on."""
    keeper = gatekeeper(request)
    response.set_cookie(
        COOKIE, keeper.reading_cookie(name), max_age=keeper.cookie_seconds, **_cookie_scope(request)
    )


def drop_cookie(request: Request, response: Response) -> None:
    """Make the browser forget who reads."""
    response.delete_cookie(COOKIE, **_cookie_scope(request))


def prefix_of(request: Request) -> str:
    """The path that everything is mounted under; empty at a server's root."""
    return settings_of(request).stack.root_path


def local_path(request: Request, target: str) -> str:
    """`target` where it is a path of ours, else the start page: no link leads away from here."""
    home = f"{prefix_of(request)}/"
    is_ours = target.startswith(home) and not target.startswith("//") and "\\" not in target
    return target if is_ours else home


def _cookie_scope(request: Request) -> dict[str, Any]:
    return {
        "path": prefix_of(request) or "/",
        "httponly": True,
        "samesite": "lax",
        "secure": request.url.scheme == "https",
    }


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates of all capabilities.

    Raises:
        NameTaken: Two of them have one name.
    """
    found = folders.files("templates")
    made = Environment(
        loader=FileSystemLoader(sorted({path.parent for path in found.values()})),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("count", "volume", "share", "rate", "clock", "lasted"):
        made.filters[name] = getattr(wording, name)
    made.filters["iso"] = datetime.isoformat
    return made
