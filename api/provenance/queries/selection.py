"""Which rows of a campaign are wanted, as an address says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final
from urllib.parse import urlencode

from flows.common.text import unkeepable
from flows.provenance.models import Availability, Finding, Rule

SUGGESTING: Final = (Rule.VERSION, Rule.TOKENS)
"""Rules that find nothing: what they match is only suggested."""
LARGEST_PAGE: Final = 1_000_000
NO_REQUESTOR: Final = "-"
"""What stands in an address for paths that nobody asked for by name; an empty one means all."""
_MAX_TEXT: Final = 300
_MAX_PRIORITY: Final = 9
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
        """The selection of an address's query; what cannot be meant is left out."""
        known = {name: value for name, value in asked.items() if not any(unkeepable(value))}
        sort = known.get("sort", "")
        return cls(
            campaign=known.get("campaign", "").strip()[:_MAX_TEXT],
            text=known.get("q", "").strip()[:_MAX_TEXT],
            finding=_one_of(known.get("finding", ""), frozenset(Finding)),
            completeness=_one_of(known.get("completeness", ""), frozenset(COMPLETENESS)),
            rse=known.get("rse", ""),
            requestor=known.get("requestor", ""),
            priority=str(_number(known.get("priority", ""), _MAX_PRIORITY) or ""),
            detector=known.get("detector", ""),
            rule=_one_of(known.get("rule", ""), frozenset(Rule) - {*SUGGESTING}),
            stage=known.get("stage", ""),
            is_stale=known.get("stale", "") not in {"", "0"},
            sort=sort if sort.removeprefix("-") in SORTS else cls.sort,
            page=_number(known.get("page", ""), len(str(LARGEST_PAGE)) - 1) or 1,
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


def _one_of(value: str, choices: frozenset[str]) -> str:
    return value if value in choices else ""


def _number(text: str, digits: int) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= digits
    return int(text) if is_number else None
