"""Rucio's rules for scopes and names, as the EIC policy package sets them (0.1.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from blocks.rucio_catalog.errors import DidNotFound, InvalidName, RucioRefused

LONGEST_NAME = 250
LONGEST_SCOPE = 25
_UNKNOWN = frozenset({"DataIdentifierNotFound", "ScopeNotFound"})
_INVALID = "InvalidObject"
_NAME = re.compile(r"[A-Za-z0-9.\-_+/=:]+")
_SCOPE = re.compile(r"[a-zA-Z_\-.0-9]+")


def check_did(scope: str, name: str) -> None:
    """Refuse what Rucio cannot have, before anybody is asked.

    Names of data begin with a slash, those of PanDA's logs do not. A name with an empty, ``.`` or
    ``..`` segment, or with a slash at its end, cannot be asked for: web servers merge its slashes.

    Raises:
        InvalidName: Says which rule is broken.
    """
    did = f"{scope}:{name}"
    if not _SCOPE.fullmatch(scope) or len(scope) > LONGEST_SCOPE:
        raise InvalidName(did, f"a scope has 1 to {LONGEST_SCOPE} letters, digits and . - _")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        allowed = "letters, digits and . - _ + / = :"
        raise InvalidName(did, f"a name has 1 to {LONGEST_NAME} {allowed}")
    segments = name.removeprefix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(segments):
        raise InvalidName(did, "a segment of its name is empty or made of dots")


def check_pattern(scope: str, pattern: str) -> None:
    """Refuse a search that cannot match: as :func:`check_did`, with ``*`` as the wildcard.

    Raises:
        InvalidName: Says which rule is broken.
    """
    check_did(scope, pattern.replace("*", "x").rstrip("/"))


@contextmanager
def about(scope: str, name: str) -> Iterator[None]:
    """Say of a refusal what it means for the DID that was asked for.

    Raises:
        DidNotFound: Rucio does not know it.
        InvalidName: Rucio's rules are other than :func:`check_did`'s.
    """
    try:
        yield
    except RucioRefused as refusal:
        if refusal.exception_class in _UNKNOWN:
            raise DidNotFound(scope, name) from refusal
        if refusal.exception_class == _INVALID:
            raise InvalidName(f"{scope}:{name}", str(refusal)) from refusal
        raise
