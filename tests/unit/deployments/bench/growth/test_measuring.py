"""Databases are called in turns, and each is the first as often as the others."""

from __future__ import annotations

from typing import Any, cast

import httpx
import pytest

from deployments.assistant import Assistant, ToolRefused
from deployments.bench.common.stack import BenchBroken
from deployments.bench.growth import measuring
from deployments.bench.growth.amounts import Amounts
from deployments.bench.growth.databases import Tokens
from deployments.bench.growth.measuring import Side, measure
from deployments.bench.growth.places import USER, Call, Places

TOKENS = Tokens(operator="of-operator", user="of-user")
REFUSED = "refused"


class Told:
    """An assistant that is answered anything; one tool refuses."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, tool: str, **_arguments: Any) -> dict[str, Any]:
        self.asked.append(tool)
        if tool == REFUSED:
            raise ToolRefused(f"{tool}: no")
        return {}


def side(name: str, asked: list[tuple[str, httpx.Request]], status: int = 200) -> Side:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((name, request))
        return httpx.Response(201 if request.method == "POST" else status)

    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://side")
    return Side(client, cast("Assistant", Told()), TOKENS, Places(Amounts.of_a_day()))


def test_each_side_is_called_alike_and_is_the_first_as_often():
    asked: list[tuple[str, httpx.Request]] = []
    sides = {name: side(name, asked) for name in ("a", "b", "c")}
    taken = measure(sides, rounds=4)
    assert {len(each) for of_side in taken.values() for each in of_side.values()} == {4}
    pages = [name for name, request in asked if str(request.url.path) == "/system/"]
    first = pages[::3]
    assert [first.count(name) for name in "abc"] == [len(first) // 3] * 3


def test_a_user_makes_some_calls_and_who_may_do_all_the_others():
    asked: list[tuple[str, httpx.Request]] = []
    taken = measure({"a": side("a", asked)}, rounds=1)
    tokens = {request.headers["Authorization"] for _, request in asked}
    assert tokens == {"Token of-operator", "Token of-user"}
    assert f"/notifications/ of {USER}" in taken["a"]


def test_what_comes_in_is_other_each_time():
    asked: list[tuple[str, httpx.Request]] = []
    measure({"a": side("a", asked)}, rounds=3)
    messages = [
        request.content for _, request in asked if request.url.path.startswith("/api/messages/")
        and request.method == "POST"
    ]  # fmt: skip
    assert len(set(messages)) == len(messages) == measuring.WARM_UP + 3


def test_an_answer_that_is_no_good_breaks_the_bench():
    with pytest.raises(BenchBroken, match="500"):
        side("a", [], status=500).seconds(Call("/logs/", "/logs/"))
    with pytest.raises(BenchBroken, match="refused: no"):
        side("a", []).seconds(Call("tool", "/mcp/", tool=REFUSED))


def test_tools_are_asked_by_an_assistant_and_not_over_rest():
    asked: list[tuple[str, httpx.Request]] = []
    asking = side("a", asked)
    taken = measure({"a": asking}, rounds=1)
    assert cast("Told", asking.assistant).asked[:1] == ["get_system_state"]
    assert "list_messages()" in taken["a"]
    assert not [request for _, request in asked if request.url.path == "/mcp/"]
