"""Calls of several databases' web tiers in turns, so that what else the machine does meets all."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from deployments.assistant import Assistant, ToolRefused
from deployments.bench.common.stack import BenchBroken
from deployments.bench.growth.databases import Tokens
from deployments.bench.growth.places import Call, Places

WARM_UP: Final = 5

Seconds = dict[str, list[float]]


@dataclass(frozen=True)
class Side:
    """A database's web tier, and the calls that are made of it."""

    client: httpx.Client
    assistant: Assistant
    tokens: Tokens
    places: Places

    def seconds(self, call: Call) -> float:
        """How long the call takes.

        Raises:
            BenchBroken: It is not answered as it should be.
        """
        if call.tool is not None:
            return self._seconds_of_tool(call.tool, call.arguments)
        token = self.tokens.user if call.is_by_user else self.tokens.operator
        method = "POST" if call.is_intake else "GET"
        began = time.perf_counter()
        answer = self.client.request(
            method, call.path, json=call.body, headers={"Authorization": f"Token {token}"}
        )
        seconds = time.perf_counter() - began
        if answer.status_code not in call.statuses:
            raise BenchBroken(f"{call.name}: {answer.status_code} {answer.text[:200]}")
        return seconds

    def _seconds_of_tool(self, tool: str, arguments: Mapping[str, Any]) -> float:
        began = time.perf_counter()
        try:
            self.assistant.ask(tool, **arguments)
        except ToolRefused as error:
            raise BenchBroken(str(error)) from error
        return time.perf_counter() - began


def measure(sides: Mapping[str, Side], rounds: int) -> dict[str, Seconds]:
    """Seconds of each call at each side, by its name at the last one.

    In each round another side is the first.
    """
    taken = {name: defaultdict[str, list[float]](list) for name in sides}
    for number in range(WARM_UP + rounds):
        calls = [list(each.places.calls()) for each in sides.values()]
        names = [call.name for call in calls[-1]]
        for place, name in enumerate(names):
            turns = list(zip(sides, (each[place] for each in calls), strict=True))
            first = (number + place) % len(turns)
            for side, call in turns[first:] + turns[:first]:
                seconds = sides[side].seconds(call)
                if number >= WARM_UP:
                    taken[side][name].append(seconds)
    return {name: dict(each) for name, each in taken.items()}
