"""What a search of the log asks for, read from an address. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic_core import PydanticCustomError

from api.http import fields, search
from api.http.search import BadQuery

LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
"""The levels that a search is limited to, each with those above it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_KEY: Final = re.compile(r"([0-9]{1,17})\.([0-9]{1,19})")


@dataclass(frozen=True, order=True)
class Place:
    """The place of a record in the list: its time, and its id among those of one time."""

    at: datetime
    id: int

    @classmethod
    def read(cls, name: str, text: str) -> Place | None:
        """The place that an address names; None where it names none.

        Raises:
            BadQuery: It is none.
        """
        if not text:
            return None
        found = _KEY.fullmatch(text)
        if found is None:
            raise BadQuery(f"{name}: {text[:60]!r} is no place of the list; follow its links")
        at = _EPOCH + int(found[1]) * _MICROSECOND
        return cls(at, min(int(found[2]), fields.MAX_BIG_INTEGER))

    def __str__(self) -> str:
        """As an address names it."""
        return f"{(self.at - _EPOCH) // _MICROSECOND}.{self.id}"


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which log records are listed; an absent field limits nothing.

    Attributes:
        level: Their lowest level, one of `LEVELS`.
        part: What logs them: a part of prodops, or an application of the testbed.
        request: The id of the request that they are about.
        run: The flow run that they are about.
        text: What their message holds, in any case.
        since: Not before that time.
        until: Before that time.
    """

    level: str = ""
    part: str = ""
    request: int | None = None
    run: uuid.UUID | None = None
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def without_words(self) -> Search:
        """The same of every level, whatever the message says."""
        return replace(self, level="", text="")


def read(query: Mapping[str, str]) -> Search:
    """The search that an address asks for.

    Raises:
        BadQuery: A parameter cannot be meant as it stands.
    """
    return Search(
        level=search.one_of("level", query.get("level", "").upper(), LEVELS),
        part=search.exact("part", query.get("part", "")),
        request=_request(query.get("request", "")),
        run=_run(query.get("run", "").strip()),
        text=search.exact("text", query.get("text", "")),
        since=_time("since", query.get("since", "")),
        until=_time("until", query.get("until", "")),
    )


def _request(text: str) -> int | None:
    digits = text.strip().removeprefix("#")
    if not digits:
        return None
    if not (digits.isascii() and digits.isdecimal()) or int(digits[:20]) > fields.MAX_BIG_INTEGER:
        raise BadQuery(f"request: {text[:60]!r} is no number of a request")
    return int(digits)


def _run(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise BadQuery(f"run: {text[:60]!r} is no id of a flow run") from None


def _time(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        # A zone's `+` that was not escaped arrives as a blank.
        return fields.utc(text[:11] + text[11:].replace(" ", "+"))
    except PydanticCustomError:
        raise BadQuery(f"{name}: {text[:60]!r} is no time, as 2026-08-01T12:00 is one") from None
