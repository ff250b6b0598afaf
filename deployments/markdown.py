"""Parts of generated Markdown pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_MADE: Final = "<!-- Made by `python -m deployments.reference`; change the code, not this page. -->"


def page(title: str, lines: Iterable[str]) -> str:
    """A page, which says that it is generated."""
    return "\n".join([f"# {title}", "", _MADE, "", *lines]) + "\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The lines of a table."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(head), line("---" for _ in head), *(line(row) for row in rows)]


def flowing(text: str) -> str:
    """The text without the line breaks of its source; paragraphs stay."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)
