"""A claim: one attempt at a request, and the one that the present process works under."""

from __future__ import annotations

import uuid
from contextvars import ContextVar
from dataclasses import dataclass

from blocks.errors import ProdOpsError


class ClaimLost(ProdOpsError):
    """The request is no longer held by this attempt: another holds it, or it has ended."""


@dataclass(frozen=True)
class Claim:
    """One attempt at a request: its number fences every write."""

    request_id: int
    attempt: int
    flow_run_id: uuid.UUID | None = None


_held: ContextVar[Claim | None] = ContextVar("prodops_claim", default=None)


def hold(claim: Claim | None) -> None:
    """Make `claim` the present process's; the launcher calls it before the flow starts."""
    _held.set(claim)


def held() -> Claim:
    """The claim that the present process works under.

    Raises:
        ClaimLost: It has none.
    """
    present = _held.get()
    if present is None:
        raise ClaimLost("this flow runs outside a request; start it with `prodops run`")
    return present
