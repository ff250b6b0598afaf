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
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from api.http import folders, links, proxies, wording
from api.http.access import SESSION_COOKIE, VISITOR_COOKIE, gatekeeper
from api.http.assets import asset_path
from api.http.errors import PASSING, RETRY_SECONDS, Rejection, note
from api.http.search import BadQuery
from api.http.sessions import settings_of
from api.http.silence import unless_silent
from api.http.standing import standing_of
from blocks.errors import OutsideUnavailable, ProdOpsError
from flows.common.callers import NOBODY, Caller, Scope, in_order
from flows.common.database import now
from flows.common.percent import percent

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
    prefix = links.prefix_of(request)

    def link(path: str, label: object, **attributes: str) -> Markup:
        """A link below the prefix; its label alone where the caller could not follow it."""
        if not proxies.serves(request, path):
            return escape(label)
        more = Markup("").join(Markup(' {}="{}"').format(*each) for each in attributes.items())
        return Markup('<a{} href="{}">{}</a>').format(more, f"{prefix}{path}", label)

    text = (
        environment()
        .get_template(template)
        .render(
            url=lambda path: f"{prefix}{path}",
            asset=lambda name: f"{prefix}{asset_path(name)}",
            link=link,
            serves=lambda path: proxies.serves(request, path),
            is_external=proxies.is_external(request),
            here=links.here(request),
            came_to=links.here_with_query(request),
            viewer=viewer.name,
            now=now(),
            version=version("epic-prodops"),
            beat=settings_of(request).stream.heartbeat_seconds,
            **{"ops_side": None, **values},
        )
    )
    return HTMLResponse(text, status, _HEADERS)


async def show(request: Request, template: str, viewer: Caller, **values: Any) -> Response:
    """A page for a caller who may read; anonymous callers get a visitor cookie.

    The visitor's cookie lets the page's EventSource follow the stream.
    """
    try:
        ops_side = await standing_of(request)
    except OutsideUnavailable:
        ops_side = None  # the page itself needs no database, else it would not be here
    response = render(request, template, viewer=viewer, ops_side=ops_side, **values)
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
                return await unless_silent(request, lambda: handler(request))
            except LoginNeeded:
                return login_page(request, status=401, target=links.here_with_query(request))
            except BadQuery as error:
                return render(request, "bad_query.html", status=400, problem=str(error))
            except PASSING as error:
                note(request, error)
                page = render(request, "unavailable.html", status=503, reason=str(error))
                page.headers["Retry-After"] = RETRY_SECONDS
                return page

        return guarded


def login_page(request: Request, *, status: int, problem: str = "", target: str = "") -> Response:
    """The form that asks for a token."""
    return render(
        request,
        "login.html",
        status=status,
        problem=problem,
        target=links.local_path(request, target),
    )


def admit(request: Request, response: Response, viewer: Caller) -> None:
    """Give an anonymous caller a visitor cookie."""
    if viewer is NOBODY:
        keeper = gatekeeper(request)
        _set_cookie(request, response, VISITOR_COOKIE, keeper.visitor_cookie())


def sign_in(request: Request, response: Response, secret: str) -> None:
    """Give the browser its session."""
    _set_cookie(request, response, SESSION_COOKIE, secret)


def sign_out(request: Request, response: Response) -> None:
    """Make the browser forget its session."""
    response.delete_cookie(SESSION_COOKIE, **_cookie_scope(request))


def known(viewer: Caller) -> dict[str, Any]:
    """Who looks, and what they may do, as templates and scripts take it."""
    return {
        "name": viewer.name,
        "means": viewer.means.value,
        "is_known": viewer.is_known,
        "may_write": viewer.may(Scope.REQUEST),
        "scopes": in_order(viewer.scopes),
    }


def _set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    seconds = gatekeeper(request).cookie_seconds
    response.set_cookie(name, value, max_age=seconds, **_cookie_scope(request))


def _cookie_scope(request: Request) -> dict[str, Any]:
    return {
        "path": links.prefix_of(request) or "/",
        "httponly": True,
        "samesite": "lax",
        "secure": proxies.is_secure(request),
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
    made.filters["percent"] = percent
    for name in ("count", "volume", "share", "rate", "clock", "lasted", "waited"):
        made.filters[name] = getattr(wording, name)
    made.filters["iso"] = datetime.isoformat
    return made
