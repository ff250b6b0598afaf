"""What is wrong with a request in one text, as the original's steps say it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_WHOLE: Final = "non_field_errors"
_AFTER_A_NAME: Final = {
    "This field is required.": "is required",
    "This field may not be null.": "is required",
    "A valid integer is required.": "must be an integer",
}


def whole(text: str) -> dict[str, list[str]]:
    """The errors of a request that is wrong as a whole."""
    return {_WHOLE: [text]}


def in_one_text(errors: Mapping[str, object]) -> str:
    """The errors of each field after its name; those of the whole as they are.

    Args:
        errors: Texts by field, each in a list.
    """
    return "; ".join(
        _text(field, str(each))
        for field, texts in errors.items()
        for each in (texts if isinstance(texts, list) else [texts])
    )


def _text(field: str, text: str) -> str:
    if field == _WHOLE:
        return text
    if sentence := _AFTER_A_NAME.get(text):
        return f"{field} {sentence}"
    return f"{field}: {text}"
