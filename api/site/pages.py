"""The start page, the API's reference, and signing in with a token, for reading, and out again."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers

from api.http import links, pages
from api.http.access import NOBODY, VISITOR, Caller, gatekeeper
from api.http.errors import Rejection

router = APIRouter(route_class=pages.PageRoute, include_in_schema=False)

_WRONG: Final = "That token is not known here, or it was revoked."
_NO_TOKEN: Final = "Enter a token."  # noqa: S105 - a sentence
_LONGEST_FORM: Final = 4096


@router.get("/")
@router.get("/pcs/")  # where the site's external proxy begins
async def home(request: Request) -> Response:
    """Links to the pages and to the API's documentation."""
    return await pages.show(request, "home.html", await pages.viewer_of(request))


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Every route, with its parameters, forms and examples: Swagger UI out of a wheel."""
    return await pages.show(request, "docs.html", await pages.viewer_of(request))


# ------------------------------------------------------------------ signing in


@router.get("/login/")
async def login_form(request: Request, target: str = "") -> Response:
    """The form."""
    return pages.login_page(request, status=200, target=target)


@router.post("/login/")
async def login(request: Request) -> Response:
    """Check the token; a good one is exchanged for a cookie that lets the browser read."""
    form = await _form(request)
    token, target = form.get("token", "").strip(), form.get("target", "")
    caller = await _owner(request, token) if token else None
    if caller is None:
        problem = _WRONG if token else _NO_TOKEN
        return pages.login_page(request, status=403, problem=problem, target=target)
    response = pages.render(
        request, "welcome.html", viewer=caller, target=links.local_path(request, target)
    )
    pages.set_cookie(request, response, caller.name)
    return response


@router.post("/logout/")
async def logout(request: Request) -> Response:
    """Forget the cookie."""
    response = pages.login_page(request, status=200, problem="You have signed out.")
    pages.drop_cookie(request, response)
    return response


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    if len(body) > _LONGEST_FORM:
        return {}
    text = body.decode("utf-8", "replace")
    return {name: values[0] for name, values in parse_qs(text).items()}


async def _owner(request: Request, token: str) -> Caller | None:
    """Who the token belongs to, asked of the gatekeeper as if it had come in a header."""
    if not token.isascii() or not token.isprintable():
        return None
    headers = Headers({"authorization": f"Token {token}"})
    asked = Request({**request.scope, "headers": headers.raw})
    try:
        caller = await gatekeeper(request).caller(asked)
    except Rejection:
        return None
    return None if caller is NOBODY or caller.name == VISITOR else caller
