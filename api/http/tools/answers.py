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
_MOST_NOTES: Final = 8
_NOTES_BYTES: Final = 4_000
_LONGEST_PATH: Final = 100
_WORTH_CUTTING_BYTES: Final = 100

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
    notes += _shortened(found, most_bytes - _NOTES_BYTES)
    whole = {**found, LEFT_OUT: [*notes, narrow]}
    if _size(whole) > most_bytes:
        raise AnswerTooLarge(f"{notes[0]} Nothing of it can be left out. {narrow}")
    return whole


def _shortened(found: dict[str, Any], most_bytes: int) -> list[str]:
    """Shorten what is found until it fits or nothing large is left in it; says what is missing."""
    notes = []
    while (excess := _size(found) - most_bytes) > 0:
        holder, key, path = _longest(found, excess)
        if _size(holder[key]) < _WORTH_CUTTING_BYTES:
            break
        notes.append(_cut(found, holder, key, path, excess))
    more = len(notes) - _MOST_NOTES
    return notes if more <= 0 else [*notes[:_MOST_NOTES], f"So it is in {more} more places."]


def _cut(found: dict[str, Any], holder: Any, key: Any, path: str, excess: int) -> str:
    """Shorten a list, an object or a text by about so many bytes; says what is missing."""
    value = holder[key]
    kept = _kept(value, excess)
    if isinstance(value, str):
        holder[key] = value[:kept]
        return f"{path}: the last {len(value) - kept} of {len(value)} characters are left out."
    if isinstance(value, dict):
        holder[key] = dict(islice(value.items(), kept))
    else:
        holder[key] = value[:kept]
        if holder is found and HAS_MORE in found:
            found[HAS_MORE] = True
    return f"{path}: {len(value) - kept} of {len(value)} entries are left out."


def _longest(found: dict[str, Any], excess: int) -> tuple[Any, Any, str]:
    """Where the largest list, object or text stands: what holds it, under which key, and its path.

    Of nested lists it is the outermost that has more than one entry: whole entries go first. So it
    is with an object, unless one entry of it is as large as what has to go.
    """
    holder: Any = found
    path: list[str] = []
    while True:
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
        key, value = max(pairs, key=lambda pair: _size(pair[1]))
        path.append(str(key))
        is_list = isinstance(value, list) and len(value) > 1
        is_object = isinstance(value, dict) and _is_as_a_list(value, excess)
        if is_list or is_object or not isinstance(value, list | dict) or not value:
            return holder, key, ".".join(path)[:_LONGEST_PATH]
        holder = value


def _is_as_a_list(value: dict[str, Any], excess: int) -> bool:
    largest = max(map(_size, value.values()), default=0)
    return largest < _WORTH_CUTTING_BYTES or (largest < excess and _kept(value, excess) > 0)


def _kept(value: Any, excess: int) -> int:
    """How many entries or characters stay where about so many bytes have to go."""
    return int(len(value) * max(0.0, 1 - excess / _size(value)) * 0.95)


def _size(value: Any) -> int:
    return len(pydantic_core.to_json(value))
