"""The begin of a message's content, as an assistant reads it."""

from __future__ import annotations

import json

import pytest

from api.agents.tools.messages import summary


@pytest.mark.parametrize(
    "content",
    [
        {"a": "käse 🧀", "b": [1, None]},
        {"path": "C:\\u00e4\\"},
        {"quoted": '"', "control": "\x01\n"},
        "ä" * 300,
    ],
)
def test_it_reads_as_the_whole_content_begins(content):
    whole = json.dumps(content, ensure_ascii=False)
    assert summary(json.dumps(content)) == whole[:200]
    assert summary(whole) == whole[:200]


def test_half_a_character_at_its_end_can_be_sent():
    whole = json.dumps("🧀")
    assert summary(whole[:-7]) == '"?'
    assert summary(whole[:5]) == '"\\ud8'


@pytest.mark.parametrize("content", [None, {}, [], "", 0, False])
def test_where_nothing_is_said_there_is_none(content):
    assert summary(json.dumps(content)) is None
    assert summary(None) is None
