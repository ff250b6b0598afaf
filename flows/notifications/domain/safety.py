"""Foreign text made harmless: no markup, no mention of everybody, nothing invisible, not endless.

Names, reasons and subjects come from peers, users and servers; whatever they hold is shown as text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from flows.common.text import kept

_JOINER: Final = "\u2060"  # word joiner: invisible, and no chat server reads a name across it
_BROKEN: Final = {
    "@": f"@{_JOINER}",  # @all, @channel, @here, and everybody's name
    "!": f"!{_JOINER}",  # Slack's <!here>, of which Apprise makes one wherever it reads `!here>`
    "<": "\u2039",  # no tag, and no reference of Slack's
    ">": "\u203a",
    "://": f":{_JOINER}//",  # no server follows it for a preview
    "](": f"]{_JOINER}(",  # no link, also where code spans are not known (cards of Teams)
    "]:": f"]{_JOINER}:",
}
_WWW: Final = re.compile(r"www(?=\.)", re.IGNORECASE)  # a link to whoever reads GitHub's Markdown
_CODE: Final = str.maketrans({"`": "'"})


def one_line(text: object, most: int) -> str:
    """The text on one line, without what is invisible, at most so many characters."""
    visible = "".join(_shown(each) for each in str(text)[: 4 * most])
    line = " ".join(visible.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def plain(text: object, most: int) -> str:
    """The text for a message without markup: it mentions nobody, and links nowhere."""
    line = one_line(text, most)
    for found, broken in _BROKEN.items():
        line = line.replace(found, broken)
    return _WWW.sub(rf"\g<0>{_JOINER}", line)


def code(text: object, most: int) -> str:
    """The text as a code span of Markdown, in which nothing else is markup; empty: of nothing."""
    line = plain(text, most).translate(_CODE)
    return f"`{line}`" if line else ""


def keepable(value: Any) -> Any:
    """A JSON value with what PostgreSQL cannot keep in its texts written as escapes."""
    if isinstance(value, list):
        return [keepable(each) for each in value]
    if isinstance(value, dict):
        return {kept(str(name)): keepable(each) for name, each in value.items()}
    return kept(value) if isinstance(value, str) else value


def _shown(character: str) -> str:
    """The character; a space for a control or format character, or one that is none."""
    return " " if unicodedata.category(character).startswith("C") else character
