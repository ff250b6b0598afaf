"""Text from outside, made fit for a terminal."""

from __future__ import annotations


def clean(text: str) -> str:
    """The text in one line, without control sequences: a terminal obeys them."""
    flat = " ".join(text.split())
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in flat
    )
