"""What PostgreSQL's text and JSON can keep: no NUL, no half of a surrogate pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import AfterValidator

_MAX_DEPTH: Final = 64
NUL: Final = "must not hold a NUL character"
HALF: Final = "holds half of a surrogate pair; send whole characters"
DEEP: Final = "is nested too deeply"


def keepable(value: str) -> str:
    """The text, if it can be kept.

    Raises:
        ValueError: It cannot; the message says why.
    """
    if "\x00" in value:
        raise ValueError(NUL)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(HALF) from None
    return value


def kept(value: str) -> str:
    """The text with what cannot be kept in it written as an escape: for words of others."""
    return value.replace("\x00", "\\x00").encode(errors="backslashreplace").decode()


Text = Annotated[str, AfterValidator(keepable)]
"""A text that can be kept."""


def unkeepable(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """What in a JSON value cannot be kept: each part's path, and why. Keys count."""
    if depth > _MAX_DEPTH:
        yield path.partition(".")[0], DEEP
    elif isinstance(value, str):
        yield from _why_not(value, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            below = f"{path}.{key}" if path else str(key)
            yield from _why_not(str(key), below)
            yield from unkeepable(item, below, depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from unkeepable(item, f"{path}.{index}", depth + 1)


def _why_not(value: str, path: str) -> Iterator[tuple[str, str]]:
    try:
        keepable(value)
    except ValueError as error:
        yield path.encode("unicode_escape").decode(), str(error)
