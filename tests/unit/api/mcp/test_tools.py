"""Descriptions of tools: an assistant chooses by them, and sees nothing else."""

from __future__ import annotations

import re

from api.http.tools.declaration import Tool, all_tools

NAMES = {name for tool in all_tools() for name in tool.names}
WHEN = re.compile(r"\b([Uu]se it|Only what|Give one|Begin here|instead)\b")


def test_every_description_says_when_to_use_the_tool_or_what_to_use_instead():
    assert [tool.name for tool in all_tools() if not says_when(tool)] == []


def says_when(tool: Tool) -> bool:
    words = set(re.findall(r"[a-z_]+", tool.description))
    names_another = bool(words & (NAMES - set(tool.names)))
    return names_another or WHEN.search(tool.description) is not None
