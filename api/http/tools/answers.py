"""Answers of tools: a list's page, and the bound on the size of any answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final, Generic, TypeVar

import pydantic_core
from pydantic import BaseModel, Field

from api.http.wording import volume
from blocks.errors import ProdOpsError

MOST_BYTES: Final = 200_000
"""The size of an answer, as JSON: about 50,000 tokens of an assistant's memory."""
LEFT_OUT: Final = "left_out"
HAS_MORE: Final = "has_more"
_ROUNDS: Final = 20
_MANY_KEYS: Final = 50
_NOTES_BYTES: Final = 2_000

Item = TypeVar("Item")


class AnswerTooLarge(ProdOpsError):
    """The answer is larger than the bound, and none of it can be left out."""


class MonitorUrl(BaseModel):
    """A page that shows the same."""

    title: str
    url: str


class Page(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    total_count: int = Field(description="How many there are on all pages.")
    has_more: bool = Field(description="Whether more follow: ask again with a larger offset.")
    monitor_urls: list[MonitorUrl] = Field(description="Pages that show the same.")


def page(
    items: Sequence[Item], total_count: int, *, offset: int, urls: Sequence[MonitorUrl] = ()
) -> Page[Item]:
    """A page of a list from an offset on."""
    return Page(
        items=list(items),
        total_count=total_count,
        has_more=offset + len(items) < total_count,
        monitor_urls=list(urls),
    )


def bounded(answer: Any, *, narrow: str, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """An answer as JSON holds it, not larger than the bound; `left_out` says what is missing.

    The longest list or text in it is cut, then the next, until the rest fits.

    Args:
        answer: A model or a mapping.
        narrow: What the tool may be asked to answer less, in words.
        most_bytes: The bound.

    Raises:
        AnswerTooLarge: There is nothing in it that could be cut.
    """
    found: dict[str, Any] = pydantic_core.to_jsonable_python(answer, inf_nan_mode="null")
    size = _size(found)
    if size <= most_bytes:
        return found
    notes = [f"The whole answer has {volume(size)}, of which at most {volume(most_bytes)} is sent."]
    for _ in range(_ROUNDS):
        excess = size + _NOTES_BYTES - most_bytes
        if excess <= 0:
            break
        notes.append(_cut_longest(found, excess))
        size = _size(found)
    whole = {**found, LEFT_OUT: [*notes, narrow]}
    if _size(whole) > most_bytes:
        raise AnswerTooLarge(f"{notes[0]} Nothing of it can be left out. {narrow}")
    return whole


def _cut_longest(found: dict[str, Any], excess: int) -> str:
    """Shorten the largest list or text by about so many bytes; says what is missing."""
    holder, key, path = _longest(found)
    value = holder[key]
    size = _size(value)
    kept = int(len(value) * max(0.0, 1 - excess / size) * 0.95)
    if isinstance(value, dict):
        holder[key] = dict(islice(value.items(), kept))
        return f"{path}: {len(value) - kept} of {len(value)} entries are left out."
    holder[key] = value[:kept]
    if isinstance(value, list):
        if holder is found and HAS_MORE in found:
            found[HAS_MORE] = True
        return f"{path}: {len(value) - kept} of {len(value)} entries are left out."
    return f"{path}: the last {len(value) - kept} of {len(value)} characters are left out."


def _longest(found: dict[str, Any]) -> tuple[Any, Any, str]:
    """Where the largest list or text stands: what holds it, under which key, and its path.

    Of nested lists it is the outermost that has more than one entry: whole entries go first. An
    object with very many keys is as good as a list.
    """
    holder: Any = found
    path = ""
    while True:
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        key, value = max(pairs, key=lambda pair: _size(pair[1]))
        path = f"{path}.{key}" if path else str(key)
        if isinstance(value, str) or (isinstance(value, list) and len(value) > 1):
            return holder, key, path
        if isinstance(value, dict) and len(value) > _MANY_KEYS:
            return holder, key, path
        if not isinstance(value, dict | list) or not value:
            holder[key] = str(value)
            return holder, key, path
        holder = value


def _size(value: Any) -> int:
    return len(pydantic_core.to_json(value))
