"""The start page, the API's reference, and signing in with a token and out again."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from api.http import links, pages
from api.http.access import JSON, gatekeeper
from flows.common.callers import Caller, in_order

router = APIRouter(route_class=pages.PageRoute, include_in_schema=False)

_WRONG: Final = "That token is not known here, or it was revoked."
_NO_TOKEN: Final = "Enter a token."  # noqa: S105 - a sentence
_ELSEWHERE: Final = "That form was sent by a page of another site; sign in here."
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
    """Exchange a token for a session, which ends with it: a form's, or a script's in JSON."""
    is_json = _media_type(request) == JSON
    if not is_json and not _is_ours(request):
        return pages.login_page(request, status=403, problem=_ELSEWHERE)
    sent = await _sent(request, is_json=is_json)
    token, target = sent.get("token", "").strip(), sent.get("target", "")
    found = await gatekeeper(request).sign_in(token) if _is_possible(token) else None
    if found is None:
        problem = _WRONG if token else _NO_TOKEN
        if is_json:
            return JSONResponse({"detail": problem}, 403)
        return pages.login_page(request, status=403, problem=problem, target=target)
    caller, secret = found
    response = _welcome(request, caller, target, is_json=is_json)
    pages.sign_in(request, response, secret)
    return response


@router.post("/logout/")
async def logout(request: Request) -> Response:
    """End the session."""
    if _media_type(request) != JSON and not _is_ours(request):
        return pages.login_page(request, status=403, problem=_ELSEWHERE)
    await gatekeeper(request).sign_out(request)
    response = pages.login_page(request, status=200, problem="You have signed out.")
    pages.sign_out(request, response)
    return response


def _welcome(request: Request, caller: Caller, target: str, *, is_json: bool) -> Response:
    if is_json:
        return JSONResponse({"name": caller.name, "scopes": in_order(caller.scopes)})
    return pages.render(
        request, "welcome.html", viewer=caller, target=links.local_path(request, target)
    )


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _is_ours(request: Request) -> bool:
    """Whether the form is of a page of ours, or of no browser; browsers say where it is from."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


async def _sent(request: Request, *, is_json: bool) -> dict[str, str]:
    body = await request.body()
    if len(body) > _LONGEST_FORM:
        return {}
    text = body.decode("utf-8", "replace")
    if not is_json:
        return {name: values[0] for name, values in parse_qs(text).items()}
    try:
        sent = json.loads(text)
    except (ValueError, RecursionError):  # a few thousand brackets suffice
        return {}
    fields = sent.items() if isinstance(sent, dict) else ()
    return {name: value for name, value in fields if isinstance(value, str)}


def _is_possible(token: str) -> bool:
    """Whether it can be a token at all: PostgreSQL takes no NUL, and keys are plain text."""
    return bool(token) and token.isascii() and token.isprintable()
