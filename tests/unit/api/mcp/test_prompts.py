"""The prompts name tools that there are, in the order of use."""

from __future__ import annotations

import re

import pytest

from api.http.tools.declaration import all_tools
from api.mcp import prompts
from api.mcp.instructions import INSTRUCTIONS

VERB = re.compile(r"\b(?:get|list|pcs|fetch|explain|data|campaign|start|stop|swf)_[a-z_]+\b")
TEXTS = {
    "why_did_my_task_fail": prompts.why_did_my_task_fail("26.12.0/x"),
    "what_is_missing": prompts.what_is_missing("26.12.0"),
    "write_shift_summary": prompts.write_shift_summary(hours=12),
    "instructions": INSTRUCTIONS,
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_tools_that_a_text_names_exist(name):
    known = {each for tool in all_tools() for each in (*tool.names, *tool.form.model_fields)}
    named = set(VERB.findall(TEXTS[name]))
    assert named
    assert named - known - {"start_time"} == set()


def test_each_says_how_to_answer():
    for name, text in TEXTS.items():
        assert "not a failure" in text, name


def test_they_are_listed_with_their_arguments():
    found = {each.name: each for each in prompts.all_prompts()}
    assert found.keys() == TEXTS.keys() - {"instructions"}
    required = {name: [each.required for each in found[name].arguments] for name in found}
    assert required["write_shift_summary"] == [False]
    assert required["what_is_missing"] == [True]
    assert all(each.description for each in found.values())
