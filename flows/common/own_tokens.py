"""Tokens that their owner makes and revokes, with a token or a session of theirs.

The database holds the web role to every rule here (migration 0021): nothing else does, where the
web tier was taken over. Nothing commits.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from blocks.errors import Forbidden, Invalid, NotFound
from flows.common import access
from flows.common.callers import Caller, Means, Proof, Scope, in_order, with_included
from flows.common.database import now
from flows.common.models import ApiToken

MOST_DAYS: Final = 366
MOST_TOKENS: Final = 20
"""How many good ones an owner may have to make another."""
_OWN: Final = text("SELECT token_id FROM api_caller(:means, :proof)")
_CREATE: Final = text("SELECT api_token_create(:means, :proof, cast(:wanted AS jsonb))")
_REVOKE: Final = text("SELECT api_token_revoke(:means, :proof, :wanted, :with_made)")
_SIGN_IN: Final = (
    "Tokens are made and revoked by whoever has signed in with one, or sends one. An operator of "
    "the ops side makes the first: prodops token create {name}"
)


class TokenNotFound(NotFound):
    """The caller has no token of that id."""


@dataclass(frozen=True, kw_only=True)
class MadeToken:
    """A new token; its key is known nowhere else."""

    id: int
    key: str = field(repr=False)
    scopes: list[str]
    expires_at: datetime


def current_id(session: Session, caller: Caller) -> int | None:
    """The id of the token that the caller has sent or signed in with; None where it is none."""
    if caller.proof is None:
        return None
    return cast("int | None", session.scalar(_OWN, _shown(caller.proof)))


def create(
    session: Session, caller: Caller, *, note: str, scopes: Collection[Scope], days: int
) -> MadeToken:
    """Make a token for the caller.

    Args:
        session: The caller's transaction.
        caller: Its owner, by a token or a session.
        note: What it is for.
        scopes: What it permits; no more than what the caller may.
        days: How long it is good, at most to the end of the caller's own token.

    Raises:
        Invalid: It would permit more, or last longer, than the caller's own token.
        Forbidden: The caller came without a token, has too many, or is a service.
    """
    own = _own_token(session, caller)
    at = now()
    kept = in_order(with_included(scopes))
    expires_at = at + timedelta(days=days)
    _check(own, kept, expires_at, at)
    key = access.new_key()
    wanted = {"note": note, "scopes": kept, "key_hash": access.hash_key(key)}
    made = _call(
        session, caller, _CREATE, wanted=json.dumps(wanted | {"expires_at": f"{expires_at}"})
    )
    return MadeToken(id=made[0], key=key, scopes=kept, expires_at=expires_at)


def revoke(
    session: Session, caller: Caller, token_id: int, *, with_made: bool = False
) -> list[int]:
    """Revoke a token of the caller; gives the ids of those that were good.

    Args:
        session: The caller's transaction.
        caller: Its owner, by a token or a session that permits as much.
        token_id: Which.
        with_made: Whether also those that were made with it, and with these.

    Raises:
        TokenNotFound: The caller has none of that id.
        Forbidden: The caller came without a token, or with one that permits less.
    """
    _own_token(session, caller)
    if token_id not in {each.id for each in access.list_tokens(session, owner=caller.name)}:
        raise TokenNotFound(f"you have no token {token_id}")
    return _call(session, caller, _REVOKE, wanted=token_id, with_made=with_made)


def _own_token(session: Session, caller: Caller) -> ApiToken:
    """The token by which the caller is known.

    Raises:
        Forbidden: There is none: a proxy or a command says who it is, or it was revoked just now.
    """
    number = None if caller.means is Means.PROXY else current_id(session, caller)
    for each in access.list_tokens(session, owner=caller.name):
        if each.id == number:
            return each
    raise Forbidden(_SIGN_IN.format(name=caller.name))


def _check(own: ApiToken, scopes: list[str], expires_at: datetime, at: datetime) -> None:
    wrong: dict[str, list[str]] = {}
    if missing := [each for each in scopes if each not in own.scopes]:
        held = ", ".join(own.scopes)
        text = f"Your own token does not permit {', '.join(missing)}; choose among {held}."
        wrong["scopes"] = [text]
    if own.expires_at is not None and expires_at > own.expires_at:
        days = (own.expires_at - at).days
        wrong["days"] = [f"Your own token ends on {own.expires_at:%Y-%m-%d}: at most {days} days."]
    if wrong:
        raise Invalid(wrong)


def _call(session: Session, caller: Caller, statement: Any, **values: Any) -> list[int]:
    """Call a function of the database, which looks at the caller's proof itself."""
    if caller.proof is None:
        raise Forbidden(_SIGN_IN.format(name=caller.name))
    with access.access_refused():
        return list(session.scalars(statement, _shown(caller.proof) | values))


def _shown(proof: Proof) -> dict[str, Any]:
    return {"means": proof.means, "proof": proof.value}
