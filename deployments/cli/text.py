"""Text from outside, made fit for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import typer


def clock_time(written: str) -> str | None:
    """The time of day in UTC, as pages have it; None where no time is written.

    What names no zone is UTC.
    """
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return None
    return f"{at.astimezone(UTC) if at.tzinfo else at:%H:%M:%S}"


def clean(text: str) -> str:
    """The text in one line, without control sequences: a terminal obeys them."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """The text without control sequences, line breaks among them."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def tell(line: str) -> None:
    """Tell people something, as the command, on stderr."""
    typer.echo(f"prodops: {clean(line)}", err=True)
