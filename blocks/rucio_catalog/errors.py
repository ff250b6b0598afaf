"""What a Rucio catalogue may answer instead of what was asked, as typed errors."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.errors import NotFound, OutsideUnavailable, ProdOpsError

_MOST_SHOWN = 3


class RucioUnavailable(OutsideUnavailable):
    """Rucio did not answer, broke its answer off, or gave something that is no answer."""


class RucioUntrusted(RucioUnavailable):
    """The server's own certificate is not good, or is not known here; nothing was said to it."""


class RucioRefused(ProdOpsError):
    """Rucio answered, and will answer the same again.

    Attributes:
        status: the HTTP status.
        exception_class: Rucio's own word for it, such as ``RSENotFound``; empty where unknown.
    """

    def __init__(self, status: int, detail: str, *, exception_class: str = "") -> None:
        super().__init__(f"Rucio refused (HTTP {status}): {detail}")
        self.status = status
        self.exception_class = exception_class


class RucioUnauthorized(ProdOpsError):
    """The identity is not one of Rucio's, or may not do this; never with the credential."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Rucio does not let us in: {reason}")


class InvalidName(ProdOpsError):
    """A scope or name is outside Rucio's rules.

    Attributes:
        did: ``scope:name`` as it was given.
    """

    def __init__(self, did: str, fact: str) -> None:
        super().__init__(f"{did!r} is no DID: {fact}")
        self.did = did


class _OfDid(ProdOpsError):
    fact = ""

    def __init__(self, scope: str, name: str) -> None:
        super().__init__(f"{scope}:{name} {self.fact}")


class DidNotFound(_OfDid, NotFound):
    """Rucio does not know the DID."""

    fact = "is not in Rucio"


class NoReplicas(_OfDid, NotFound):
    """Rucio knows the file, and no place where it is."""

    fact = "has no replicas"


class IncompleteAnswer(ProdOpsError):
    """Rucio left out names that it was asked for, without a word: it does not know them.

    Attributes:
        missing: the names.
    """

    def __init__(self, missing: Sequence[str]) -> None:
        shown = ", ".join(missing[:_MOST_SHOWN]) + ("…" if len(missing) > _MOST_SHOWN else "")
        super().__init__(f"Rucio left out {len(missing)} names that it was asked for: {shown}")
        self.missing = tuple(missing)


class ReplicaConflict(ProdOpsError):
    """Rucio has the file with another size, checksum or place."""

    def __init__(self, scope: str, name: str, *, known: str, given: str) -> None:
        super().__init__(f"{scope}:{name} is in Rucio with {known}, not with {given}")
