"""Rucio's rules for scopes and names, before a call and in its refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blocks.did_names import BadDidName, check_name, check_scope
from blocks.rucio_catalog.errors import DidNotFound, InvalidName, RucioRefused

_UNKNOWN = frozenset({"DataIdentifierNotFound", "ScopeNotFound"})
_INVALID = "InvalidObject"


def check_did(scope: str, name: str) -> None:
    """Refuse what Rucio cannot have, before anybody is asked.

    Names of data begin with a slash, those of PanDA's logs do not.

    Raises:
        InvalidName: Says which rule is broken.
    """
    try:
        check_scope(scope)
        check_name(name, has_slash=name.startswith("/"))
    except BadDidName as error:
        raise InvalidName(f"{scope}:{name}", str(error)) from None


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
