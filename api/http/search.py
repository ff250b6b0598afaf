"""Texts that an address asks for: taken exactly, or refused with the reason in words."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from blocks.errors import ProdOpsError
from flows.common.text import keepable

LONGEST: Final = 500
"""As long as a requested path may be."""


_IN_A_PATH: Final = re.compile(r"\s/|/\s|/\S*\s\S*/")


class BadQuery(ProdOpsError):
    """A parameter of an address that cannot be meant as it stands; the message names it."""


def exact(name: str, text: str) -> str:
    """The text of a parameter, as it stands.

    Raises:
        BadQuery: It is too long, or nothing that is kept can hold it.
    """
    if len(text) > LONGEST:
        raise BadQuery(f"{name}: is longer than {LONGEST} signs")
    try:
        return keepable(text)
    except ValueError as error:
        raise BadQuery(f"{name}: {error}") from None


def words(name: str, text: str) -> str:
    """The words that are searched for.

    A blank at an end, a second one, or one within a path may be a `+` of a name that was not
    written `%2B`: without it, other rows would be found (`SINGLE/e` for `SINGLE/e+`, and those of
    `SINGLE/e-/1GeV` for `SINGLE/e+/1GeV`).

    Raises:
        BadQuery: It has such a blank, or as :func:`exact`.
    """
    found = exact(name, text)
    if _IN_A_PATH.search(found):
        raise BadQuery(
            f"{name}: {found[:60]!r} has a blank within a path; in an address, write + as %2B, "
            "and search for one path at a time"
        )
    if found != " ".join(found.split()):
        shown = found[:60]
        raise BadQuery(
            f"{name}: {shown!r} has a blank at an end, or more than one between words; "
            "in an address, write + as %2B"
        )
    return found


def one_of(name: str, text: str, choices: Collection[str]) -> str:
    """One of the choices, or nothing.

    Raises:
        BadQuery: It is none of them.
    """
    if text and text not in choices:
        raise BadQuery(f"{name}: {text[:60]!r} is none of {', '.join(choices)}")
    return text
