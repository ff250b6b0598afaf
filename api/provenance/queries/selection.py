"""Which rows of a campaign are wanted, as an address says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import urlencode

from api.http import search
from flows.provenance.models import Availability, Finding, Rule

SUGGESTING: Final = (Rule.VERSION, Rule.TOKENS)
"""Rules that find nothing: what they match is only suggested."""
LARGEST_PAGE: Final = 1_000_000
NO_REQUESTOR: Final = "-"
"""What stands in an address for paths that nobody asked for by name; an empty one means all."""
_EXACT: Final = ("campaign", "rse", "requestor", "detector", "stage")
_FINDING_RULES: Final = tuple(each for each in Rule if each not in SUGGESTING)
_PRIORITY_DIGITS: Final = 9
_IN_ADDRESS: Final = {"text": "q", "is_stale": "stale"}
"""What an address calls what is called otherwise here."""
COMPLETENESS: Final = {str(each): (each,) for each in Availability} | {
    "available": (Availability.COMPLETE, Availability.REPLICATING)
}
"""What a dataset's availability may be asked for as; `available`: all its files are at a disk."""
SORTS: Final = (
    "path", "finding", "rule", "detector", "completeness", "files", "bytes", "priority",
    "requestor", "arrived", "checked",
)  # fmt: skip
"""What rows may be sorted by; `-` before it turns the order round."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The rows that are wanted, their order, and which page of them.

    Attributes:
        campaign: Its name; empty: the one that is shown by itself.
        text: Words that the requested path or the produced name holds, in any case.
        completeness: One of `COMPLETENESS`.
        is_stale: Only what was not swept lately, or not since Rucio failed to answer.
    """

    campaign: str = ""
    text: str = ""
    finding: str = ""
    completeness: str = ""
    rse: str = ""
    requestor: str = ""
    priority: str = ""
    detector: str = ""
    rule: str = ""
    stage: str = ""
    is_stale: bool = False
    sort: str = "path"
    page: int = 1

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Selection:
        """The selection of an address's query; an order or a page that is none is the first.

        Raises:
            BadQuery: A filter, name or text cannot be meant as it stands: without it, other rows
                would be shown for those that are asked for.
        """
        given = {name: search.exact(name, asked.get(name, "")) for name in _EXACT}
        sort = asked.get("sort", "")
        return cls(
            **given,
            text=search.words("q", asked.get("q", "")),
            finding=search.one_of("finding", asked.get("finding", ""), list(Finding)),
            completeness=search.one_of("completeness", asked.get("completeness", ""), COMPLETENESS),
            rule=search.one_of("rule", asked.get("rule", ""), _FINDING_RULES),
            priority=_priority(asked.get("priority", "")),
            is_stale=asked.get("stale", "") not in {"", "0"},
            sort=sort if sort.removeprefix("-") in SORTS else cls.sort,
            page=_number(asked.get("page", ""), len(str(LARGEST_PAGE)) - 1) or 1,
        )

    @property
    def is_any(self) -> bool:
        """Whether anything is left out."""
        kept = {"campaign", "sort", "page"}
        return any(getattr(self, each.name) for each in fields(self) if each.name not in kept)

    def query(self, **changed: Any) -> str:
        """The address's query, with parts of it changed; the page begins again."""
        parts = {_IN_ADDRESS.get(name, name): value for name, value in vars(self).items()}
        parts |= {
            "stale": "1" if self.is_stale else "",
            "sort": "" if self.sort == Selection.sort else self.sort,
            "page": "",
            **changed,
        }
        return urlencode({name: value for name, value in parts.items() if value})


def _priority(text: str) -> str:
    if text and _number(text, _PRIORITY_DIGITS) is None:
        raise search.BadQuery(f"priority: {text[:60]!r} is no number")
    return text


def _number(text: str, digits: int) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= digits
    return int(text) if is_number else None
