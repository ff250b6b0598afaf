"""Markdown that shows the words of others as words: no markup, no links of theirs. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

# What has a meaning in Markdown; of `:`, `@` and `www.` renderers make links by themselves.
_SIGNS: Final = re.compile(r"([\\`*_{}\[\]()#+!|~:@])|(?<=www)(\.)", re.IGNORECASE)


def escaped(value: Any, *, most: int = 500) -> str:
    """A text as it is, in one line that stays in its cell; a longer one is cut."""
    line = " ".join("".join(each if each.isprintable() else " " for each in str(value)).split())
    if len(line) > most:
        line = f"{line[: most - 1]}…"
    return _SIGNS.sub(r"\\\g<0>", html.escape(line, quote=False))


def link(label: Any, address: str) -> str:
    """A link of ours; the address is quoted where it holds anything but an address."""
    return f"[{escaped(label)}]({quote(address, safe='/:?&=%#~,;+@')})"


def table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
