"""Names that Rucio takes under EIC's policy package: scope and DID name, checked without Rucio.

Source: eic_rucio_policy_package 0.1.2, as measured with Rucio 41.5.
"""

from __future__ import annotations

import re
from typing import Final

from blocks.errors import ProdOpsError

MAX_SCOPE: Final = 25
MAX_NAME: Final = 250
_SCOPE: Final = re.compile(r"[A-Za-z0-9_.\-]+")
_NAME: Final = re.compile(r"/[A-Za-z0-9.\-_+/=:]+")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-_+/=:]*")


class BadDidName(ProdOpsError):
    """A scope or a name that Rucio would refuse; the message says what is wrong with it."""


def check_scope(scope: str) -> str:
    """The scope, where Rucio takes it.

    Raises:
        BadDidName: It has other signs, or is too long.
    """
    if len(scope) > MAX_SCOPE or not _SCOPE.fullmatch(scope):
        raise BadDidName(f"scope {scope[:40]!r} is not of 1 to {MAX_SCOPE} letters, digits, _ . -")
    return scope


def check_name(name: str, *, has_slash: bool = True) -> str:
    """The name of a dataset or file, where Rucio takes it and can be asked for it.

    Args:
        name: Of at most 250 signs.
        has_slash: Whether it is a path (``/RECO/...``); PanDA's log names are not.

    Raises:
        BadDidName: It has other signs, is too long, or is unreachable.
    """
    check_signs(name, has_slash=has_slash)
    if (reason := unreachable(name)) is not None:
        raise BadDidName(f"name {name[:60]!r} {reason}")
    return name


def check_signs(name: str, *, has_slash: bool = True) -> str:
    """The name, where it has only signs that names have; a catalogue may hold it.

    Raises:
        BadDidName: It has others, or is too long.
    """
    form = _NAME if has_slash else _PLAIN_NAME
    if len(name) > MAX_NAME or not form.fullmatch(name):
        begin = "/ and then " if has_slash else ""
        raise BadDidName(
            f"name {name[:60]!r} is not {begin}letters, digits, . - _ + / = : "
            f"(at most {MAX_NAME} signs)"
        )
    return name


def unreachable(name: str) -> str | None:
    """Why Rucio cannot be asked for the name, though it may list it; None where it can.

    Rucio's bulk calls register any name. In an address, web servers merge slashes and resolve
    dots: who asks for ``/a//b`` or ``/a/b/`` is told of ``/a/b``.
    """
    parts = name.removeprefix("/").split("/")
    if parts[-1] == "":
        return "has a slash at its end"
    return None if {"", ".", ".."}.isdisjoint(parts) else "has a segment that is empty, . or .."
