"""The forms of the values that reach a command, a path or a name. Pure.

Every form is anchored, starts with a letter or digit (a path's with a slash), and holds neither
space, quote, shell sign nor ``--``: such a value is one word to a shell and no option to prun.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_WORD: Final = r"[A-Za-z0-9][A-Za-z0-9_+-]*(?:\.[A-Za-z0-9_+-]+)*"


@dataclass(frozen=True)
class Form:
    """What a text has to look like.

    Attributes:
        words: The form in words, for refusals.
        pattern: The form; the whole text must match.
        max_length: In characters.
    """

    words: str
    pattern: str
    max_length: int

    def problem(self, value: object) -> str | None:
        """Why the value is not of the form; None where it is."""
        if not isinstance(value, str):
            return f"must be a text, not {type(value).__name__}"
        if len(value) > self.max_length:
            return f"is longer than {self.max_length} characters"
        if not re.fullmatch(self.pattern, value, re.ASCII) or "--" in value:
            return f"is not {self.words}: {shown(value)}"
        return None


@dataclass(frozen=True)
class FreeText:
    """One line of any printable characters, which a command has to quote."""

    max_length: int

    def problem(self, value: object) -> str | None:
        """Why the value is no such line; None where it is."""
        if not isinstance(value, str):
            return f"must be a text, not {type(value).__name__}"
        if len(value) > self.max_length:
            return f"is longer than {self.max_length} characters"
        if not value.strip() or not value.isprintable():
            return f"must be one line without control characters: {shown(value)}"
        if value.startswith("-"):
            return f"may not start with a dash: {shown(value)}"
        return None


@dataclass(frozen=True)
class WholeNumber:
    """A whole number within bounds."""

    least: int
    most: int

    def problem(self, value: object) -> str | None:
        """Why the value is no such number; None where it is."""
        if isinstance(value, bool) or not isinstance(value, int):
            return f"must be a whole number, not {type(value).__name__}"
        if not self.least <= value <= self.most:
            return f"must be between {self.least} and {self.most}"
        return None


class Hours:
    """A time in hours."""

    def problem(self, value: object) -> str | None:
        """Why the value is no such time; None where it is."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number of hours, not {type(value).__name__}"
        return None if 0 < value <= 10_000 else "must be between 0 and 10000"  # noqa: PLR2004


class Flag:
    """True or false."""

    def problem(self, value: object) -> str | None:
        """Why the value is neither; None where it is one of them."""
        return None if isinstance(value, bool) else "must be true or false"


class FileNames:
    """A list of file names without a path."""

    def problem(self, value: object) -> str | None:
        """Why the value is no such list; None where it is."""
        if not isinstance(value, list):
            return f"must be a list of file names, not {type(value).__name__}"
        return next((why for name in value if (why := FILE.problem(name))), None)


AnyForm = Form | FreeText | WholeNumber | Hours | Flag | FileNames


def shown(value: object, length: int = 80) -> str:
    """A caller's value, as a refusal may repeat it: on one line, cut where it is long."""
    text = repr(value)
    return text if len(text) <= length else text[: length - 3] + "..."


def some(names: Sequence[str], most: int) -> str:
    """The first few names, and how many more there are."""
    named = ", ".join(repr(name) for name in names[:most])
    return named if len(names) <= most else f"{named} and {len(names) - most} more"


NAME: Final = Form("a name (letters, digits, . _ + -)", _WORD, 200)
IMAGE: Final = Form(
    "an image (docker://registry/image:tag, or a path)",
    r"(?:[a-z][a-z0-9+.]*://)?/?[A-Za-z0-9][A-Za-z0-9._+-]*(?:[/:@][A-Za-z0-9._+-]+)*",
    500,
)
OUTPUTS: Final = Form(
    "file names, with a comma between, each alone or as suffix:name",
    rf"(?:{_WORD}:)?{_WORD}(?:,(?:{_WORD}:)?{_WORD})*",
    1000,
)
URL: Final = Form("a web address", r"https?://[A-Za-z0-9][A-Za-z0-9._~/:+-]*", 500)
OUT_DS: Final = Form("a name that prun takes (letters, digits, . _ + -)", _WORD, 255)
FILE: Final = Form("a file name without a path", _WORD, 200)
COMMAND: Final = FreeText(4000)
FLAG: Final = Flag()
HOURS: Final = Hours()
COUNT: Final = WholeNumber(1, 10**9 - 1)
MANY: Final = WholeNumber(1, 10**12 - 1)
CORES: Final = WholeNumber(1, 9999)

SEGMENT: Final = Form(
    "a part of a name (letters, digits, . _ -)",
    r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_][A-Za-z0-9_-]*)*",
    120,
)
TASK_NAME: Final = Form(
    "a task's name (letters, digits, . _ + = : @ -, and / between parts)",
    r"[A-Za-z0-9][A-Za-z0-9._+=:@-]*(?:/[A-Za-z0-9._+=:@-]+)*/?",
    255,
)


def first_problem(values: Mapping[str, Any], forms: Mapping[str, AnyForm]) -> dict[str, str]:
    """Why each value that has a form is not of it, by name; nothing for absent and empty ones."""
    problems = {}
    for name, form in forms.items():
        value = values.get(name)
        if value is not None and value != "" and (why := form.problem(value)):
            problems[name] = why
    return problems
