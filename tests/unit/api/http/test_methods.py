"""HEAD and OPTIONS of every route, and bodies above the bound: HTTP spoken a little differently."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.datastructures import State
from starlette.responses import PlainTextResponse, StreamingResponse

from api.http import errors
from api.http.app import routed
from api.http.bodies import BodyLimit
from api.http.methods import Methods, SlashTolerant

MOST = 1000
router = APIRouter()


@router.get("/thing/", summary="Show it")
def show():
    return {"a": 1}


@router.put("/thing/")
def change(body: Annotated[dict, Body()]):
    return body


@router.post("/read/")
async def read(request: Request):
    return len(await request.body())


@router.post("/ignored/")
async def ignored():
    return 1


@router.get("/page/", include_in_schema=False)
def page():
    return PlainTextResponse("page")


@router.get("/endless/")
def endless():
    async def frames():
        yield b"first"
        await asyncio.Event().wait()

    return StreamingResponse(frames(), headers={"X-Sign": "1"})


@pytest.fixture
def app():
    made = FastAPI(redirect_slashes=False)
    errors.install(made)
    made.include_router(router)
    for each in (BodyLimit, Methods, SlashTolerant):
        made.add_middleware(each)
    bound = SimpleNamespace(api=SimpleNamespace(max_body_bytes=MOST))
    made.state = State({"settings": bound})
    return made


def ask(app, method, path, **more):
    async def asked():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            async with asyncio.timeout(20):
                return await client.request(method, path, **more)

    return asyncio.run(asked())


@pytest.mark.parametrize("path", ["/thing/", "/page/", "/thing", "/openapi.json"])
def test_head_is_answered_as_get_without_its_body(app, path):
    head, get = ask(app, "HEAD", path), ask(app, "GET", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


def test_head_of_an_endless_answer_ends(app):
    answer = ask(app, "HEAD", "/endless/")
    assert (answer.status_code, answer.headers["x-sign"], answer.content) == (200, "1", b"")


def test_head_where_nothing_is_read_is_refused_as_get_is(app):
    assert ask(app, "HEAD", "/nothing/").status_code == 404
    assert ask(app, "HEAD", "/read/").status_code == 405


def test_options_names_what_a_path_takes(app):
    described, bare = ask(app, "OPTIONS", "/thing/"), ask(app, "OPTIONS", "/page/")
    assert described.headers["allow"] == "GET, HEAD, PUT, OPTIONS"
    assert (described.status_code, described.json()["name"]) == (200, "Show it")
    assert (bare.status_code, bare.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert ask(app, "OPTIONS", "/nothing/").status_code == 404


@pytest.mark.parametrize(("path", "allowed"), [("/thing/", "GET, HEAD, PUT"), ("/read/", "POST")])
def test_a_wrong_method_is_told_all_the_right_ones(app, path, allowed):
    answer = ask(app, "DELETE", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, f"{allowed}, OPTIONS")


def test_every_route_of_the_whole_application_answers_options():
    whole = routed("")
    whole.state = State({"settings": SimpleNamespace(api=SimpleNamespace(max_body_bytes=MOST))})
    paths = {each.path for each in iter_route_contexts(whole.routes) if "{" not in each.path}
    paths -= {"/api/messages/stream/", "/mcp"}  # as the originals': any method is GET; only POST
    assert len(paths) > 40
    assert {ask(whole, "OPTIONS", path).status_code for path in paths} == {200, 204}


# ------------------------------------------------------------------ bodies


async def pieces(count):
    for _ in range(count):
        yield b" " * 100


CASES = [("PUT", "/thing/"), ("POST", "/read/"), ("POST", "/nothing/"), ("GET", "/thing/")]


@pytest.mark.parametrize(("method", "path"), CASES)
def test_a_body_whose_length_is_above_the_bound_is_413_everywhere(app, method, path):
    answer = ask(app, method, path, content=b" " * (MOST + 1))
    assert (answer.status_code, list(answer.json())) == (413, ["body"])


@pytest.mark.parametrize(("method", "path"), CASES[:2])
def test_one_in_pieces_of_unknown_length_is_too(app, method, path):
    json = {"Content-Type": "application/json"}
    answer = ask(app, method, path, content=pieces(11), headers=json)
    assert (answer.status_code, list(answer.json())) == (413, ["body"])


def test_a_body_of_just_the_bound_is_taken(app):
    assert ask(app, "POST", "/read/", content=pieces(10)).json() == MOST
    assert ask(app, "POST", "/read/", content=b" " * MOST).json() == MOST


def test_a_body_that_nobody_reads_is_no_fault(app):
    assert ask(app, "POST", "/ignored/", content=pieces(11)).json() == 1
