"""What a message says, and that no foreign text is more than text in it."""

from __future__ import annotations

import re

import pytest

from flows.notifications.domain import safety, texts
from flows.notifications.domain.texts import Told, duration

HOSTILE = [
    "<script>alert(1)</script>", "@all look", "@channel", "<!here>", "<@U123>", "<!subteam^S1>",
    "[click](https://evil.example)", "**bold** _it_ ~~x~~ `code` ``` fence", "![x](http://e/p.png)",
    "https://evil.example/preview", "a\nb\r\n# title", "\x00\x1b[31m\x07", "\u202egnp.exe",
    "zero\u200bwidth\ufeff", "\ud800 half", "x" * 100_000, "| a | b |\n|---|", "&lt;&amp;",
    "`@here`", "``@here``", "[x](//evil.example)", "www.evil.example", "\\`_x_",
]  # fmt: skip


def told(**more):
    body = {
        "at": "2026-06-01T09:00:00+00:00",
        "text": "failed",
        "requester": "anna",
        "seconds": 3725,
        "step": "verify",
        "reason": "no replica",
        "links": [{"text": "request 7", "href": "/requests/7/"}],
    }
    given = {"name": "submit_task", "outcome": "failed", "subject": "t1", "body": body}
    return Told(**{"title": "submit_task t1 failed", **given, **more})


def test_a_message_holds_what_who_how_long_the_outcome_the_step_the_reason_and_links():
    message = texts.message_of(told(), base_url="https://m.example.org/swf")
    assert message.plain.splitlines() == [
        "submit_task t1 failed",
        "outcome: failed",
        "about: t1",
        "asked for by: anna",
        "took: 1 h 2 min",
        "failed at: verify",
        "reason: no replica",
        "at: 2026-06-01 09:00:00 UTC",
        "request 7: https://m.example.org/swf/requests/7/",
    ]
    assert "[request 7](https://m.example.org/swf/requests/7/)" in message.markdown
    assert "<https://m.example.org/swf/requests/7/|request 7>" in message.slack


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_harmless_in_every_field(text):
    body = dict.fromkeys(("requester", "owner", "campaign", "step", "reason", "text"), text)
    hostile = told(name=text, subject=text, title=text, body={**body, "text": "failed"})
    message = texts.message_of(hostile, base_url="https://m.example.org")
    for said in (message.title, message.plain, message.markdown, message.slack):
        assert not any(each in said for each in ("@all", "@channel", "@here", "!here", "\x1b"))
        assert not any(each in said for each in "<>")
        assert not any(each in said for each in ("\x00", "\u202e", "\ufeff", "\u200b", "http://e"))
        assert "https://evil" not in said
        assert len(said.encode()) < 20_000


@pytest.mark.parametrize("text", HOSTILE)
def test_where_markdown_may_be_rendered_foreign_text_is_outside_of_no_code_span(text):
    body = dict.fromkeys(("requester", "owner", "campaign", "step", "reason"), text)
    hostile = told(subject=text, title=text, body={**body, "text": "failed"})
    message = texts.message_of(hostile, base_url="https://m.example.org")
    for said in (message.quoted, message.markdown):
        outside = re.sub("`[^`]*`", "", said).replace("**submit task failed**", "")
        assert not any(each in outside for each in "`*_~[]()#|&\\")


def test_a_link_is_broken_where_code_spans_are_not_known():
    line = safety.plain("[x](//evil.example) www.evil.example WWW.evil.example [x]: //e", 300)
    assert not any(each in line for each in ("](", "www.", "WWW.", "]:"))


@pytest.mark.parametrize("text", HOSTILE)
def test_in_markdown_foreign_text_stands_in_code_spans_that_it_cannot_end(text):
    span = safety.code(text, 300)
    assert span.count("`") in {0, 2}
    assert "\n" not in span


def test_a_summary_counts_and_names_what_failed():
    body = {
        "count": 3, "names": {"submit_task": 3}, "failed": ["submit_task <!here>"],
        "first_at": "2026-06-01T09:00:00+00:00", "last_at": "2026-06-01T09:01:00+00:00",
    }  # fmt: skip
    summary = told(title="3 more: 2 completed, 1 failed", body=body, subject="", is_summary=True)
    plain = texts.message_of(summary, base_url="").plain.splitlines()
    assert plain[:2] == ["3 more: 2 completed, 1 failed", "of: 3 submit_task"]
    assert plain[3:] == ["from: 2026-06-01 09:00:00 UTC", "to: 2026-06-01 09:01:00 UTC"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (65, "1 min 5 s"), (10_800, "3 h 0 min")]
)
def test_a_duration_is_said_in_words(seconds, text):
    assert duration(seconds) == text
