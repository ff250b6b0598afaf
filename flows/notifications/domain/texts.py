"""A notification as a message: title, plain text, two forms of Markdown, and Slack's own markup.

Foreign text is made harmless in each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flows.notifications.domain import safety

_TITLE: Final = 200
_TITLE_SUBJECT: Final = 150  # the rest says what happened
_FIELD: Final = 300
_REASON: Final = 1000
_HOUR, _MINUTE = 3600, 60
_MARKS: Final = {"failed": "❌", "completed": "✅", "unknown": "❓", "cancelled": "⏹"}


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message as it is delivered.

    Attributes:
        title: The message in a line, without markup.
        plain: The message without markup; its first line is the title.
        markdown: The same as Markdown.
        slack: The same in Slack's markup.
        quoted: As `plain`, with foreign text in code spans: for servers that may render Markdown.
    """

    title: str
    plain: str
    markdown: str
    slack: str
    quoted: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a notification's row says."""

    name: str
    outcome: str
    subject: str
    title: str
    body: Mapping[str, Any]
    is_summary: bool = False


def message_of(told: Told, *, base_url: str) -> Message:
    """The message of a notification.

    Args:
        told: The notification.
        base_url: The address that the pages are below, without a slash at its end.
    """
    title = safety.plain(told.title, _TITLE)
    fields = list(_of_summary(told) if told.is_summary else _of_happening(told))
    links = list(_links(told, base_url))
    plain = [title, *(f"{label}: {safety.plain(text, most)}" for label, text, most in fields)]
    at_plain = [f"{text}: {address}" for text, address in links]
    words = _words(told)
    head = f"{_MARKS.get(told.outcome, '')} {{}}{words}{{}} {_subject(told)}".strip()
    quoted_title = f"{words} {safety.code(told.subject, _TITLE_SUBJECT)}".strip()
    marked = [f"{label}: {safety.code(text, most)}" for label, text, most in fields]
    at_markdown = " · ".join(f"[{text}]({address})" for text, address in links)
    at_slack = " · ".join(f"<{address}|{text}>" for text, address in links)
    return Message(
        title=title,
        plain="\n".join((*plain, *at_plain)),
        markdown="  \n".join(filter(None, (head.format("**", "**"), *marked, at_markdown))),
        slack="\n".join(filter(None, (head.format("*", "*"), *marked, at_slack))),
        quoted="\n".join((quoted_title, *marked, *at_plain)),
    )


def _words(told: Told) -> str:
    """What happened, without what it is about."""
    if told.is_summary:
        return safety.plain(told.title, _TITLE)
    return f"{_name(told.name)} {told.body.get('text', told.outcome)}"


def _name(name: str) -> str:
    """A name as words: those of actions, events and alarms are written with underscores."""
    words = safety.plain(name.replace("_", " "), _FIELD)
    return "".join(each for each in words if each.isalnum() or each in " -.")


def _subject(told: Told) -> str:
    return safety.code(told.subject, _FIELD)


def _of_happening(told: Told) -> Iterator[tuple[str, str, int]]:
    body = told.body
    yield "outcome", told.outcome, _FIELD
    if told.subject:
        yield "about", told.subject, _FIELD
    for label, key in (("asked for by", "requester"), ("owner", "owner"), ("campaign", "campaign")):
        if body.get(key):
            yield label, str(body[key]), _FIELD
    if isinstance(seconds := body.get("seconds"), int | float):
        yield "took", duration(seconds), _FIELD
    if body.get("step"):
        yield "failed at", str(body["step"]), _FIELD
    if body.get("reason"):
        yield "reason", str(body["reason"]), _REASON
    yield "at", _moment(str(body.get("at", ""))), _FIELD


def _of_summary(told: Told) -> Iterator[tuple[str, str, int]]:
    body = told.body
    names = body.get("names") or {}
    if names:
        counted = ", ".join(f"{number} {name}" for name, number in names.items())
        yield "of", counted, _FIELD
    for each in body.get("failed") or ():
        yield "failed", str(each), _FIELD
    yield "from", _moment(str(body.get("first_at", ""))), _FIELD
    yield "to", _moment(str(body.get("last_at", ""))), _FIELD


def _links(told: Told, base_url: str) -> Iterator[tuple[str, str]]:
    for each in told.body.get("links") or ():
        address = f"{base_url}{each['href']}"
        # The paths are ours, quoted; what stands in them of others ends no link of Markdown.
        address = address.replace("(", "%28").replace(")", "%29")
        yield safety.one_line(each["text"], _FIELD), address


def duration(seconds: float) -> str:
    """A time in words: `0.4 s`, `12 min 5 s`, `3 h 2 min`."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def _moment(text: str) -> str:
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return "?"
