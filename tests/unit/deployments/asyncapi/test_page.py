"""The page of messages names every one, and says why some requests are not carried out."""

from __future__ import annotations

import pytest

from deployments.asyncapi import declared, page, received
from deployments.bridge.unbuilt import UNBUILT
from flows.common.messages import msg_type_of
from flows.messages.repository import KEPT_BACK

TEXT = page.text()


@pytest.mark.parametrize("name", declared.events())
def test_every_event_is_listed_with_when_and_its_keys(name):
    [row] = [line for line in TEXT.splitlines() if line.startswith(f"| `{name}` | ")]
    assert "stream" in row
    section = TEXT.split(f"#### `{name}`\n")[1].partition("\n#")[0]
    assert "| Key | Type | Meaning |" in section or "No further keys." in section


def test_only_what_is_for_the_pages_stays_off_the_topic():
    rows = [line for line in TEXT.splitlines() if "| stream |" in line]
    assert {row.split("`")[1] for row in rows} == KEPT_BACK


def test_every_message_that_is_taken_is_listed():
    for message in (*received.of_ops_queue(), *received.of_topic()):
        assert f"| `{message.name}` |" in TEXT or message.name == received.ANYTHING


def test_what_is_not_carried_out_is_listed_with_its_answer_and_reason():
    for name, answer in UNBUILT.items():
        assert f"| `{name}` | `{msg_type_of(answer.event)}` | {answer.reason} |" in TEXT
