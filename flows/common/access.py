"""Tokens, users and sessions, and what each may do. All their SQL is here; nothing commits.

The web role reads and writes them through the database's own functions (migration 0007), which
check the token, the session or the proxied name themselves.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from blocks.errors import Forbidden
from flows.common.callers import DEFAULT, Caller, Means, Proof, Scope, in_order, with_included
from flows.common.database import now
from flows.common.models import ApiAction, ApiPolicy, ApiToken, ApiUser

_KEY_BYTES: Final = 20  # 40 hex digits, the form of the original's tokens
_REFUSED: Final = "42501"  # PostgreSQL: insufficient_privilege
_CALLER = text("SELECT name, scopes, is_service FROM api_caller(:means, :proof)")
_NOTE_USE = text("SELECT api_token_note_use(:means, :proof)")


def hash_key(key: str) -> str:
    """What is kept of a key. It is random, so a plain hash cannot be guessed from."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_hex(_KEY_BYTES)


# ------------------------------------------------------------------ tokens


def create_token(
    session: Session,
    owner: str,
    note: str = "",
    *,
    scopes: Iterable[Scope] = DEFAULT,
    expires_at: datetime | None = None,
) -> str:
    """Make a token for `owner`; its key is returned once and never kept.

    Args:
        session: The caller's transaction.
        owner: Who it stands for.
        note: What it is for.
        scopes: What it permits, with what they include.
        expires_at: When it ends; None: when it is revoked.
    """
    key = new_key()
    kept = in_order(with_included(scopes))
    row = {"owner": owner, "note": note, "key_hash": hash_key(key), "scopes": kept}
    session.add(ApiToken(**row, expires_at=expires_at))
    return key


def keep_token(
    session: Session, owner: str, key: str, note: str, *, scopes: Iterable[Scope]
) -> None:
    """Make `key` a token of `owner` with these scopes, and the only good one with that note."""
    digest, kept = hash_key(key), in_order(with_included(scopes))
    session.execute(
        update(ApiToken)
        .where(
            ApiToken.owner == owner,
            ApiToken.note == note,
            ApiToken.key_hash != digest,
            ApiToken.revoked_at.is_(None),
        )
        .values(revoked_at=now())
    )
    session.execute(
        pg_insert(ApiToken)
        .values(owner=owner, note=note, key_hash=digest, scopes=kept, created_at=now())
        .on_conflict_do_update(index_elements=[ApiToken.key_hash], set_={"scopes": kept})
    )


def list_tokens(session: Session, *, owner: str | None = None) -> list[ApiToken]:
    """Every token, of one owner or of all, oldest first.

    Without its hash, which the web role may not read.
    """
    columns = (
        ApiToken.id,
        ApiToken.owner,
        ApiToken.note,
        ApiToken.scopes,
        ApiToken.created_at,
        ApiToken.revoked_at,
        ApiToken.expires_at,
        ApiToken.last_used_at,
        ApiToken.made_with_id,
    )
    wanted = select(*columns).order_by(ApiToken.id)
    found = session.execute(wanted if owner is None else wanted.where(ApiToken.owner == owner))
    return [ApiToken(**row) for row in found.mappings()]


def revoke_token(session: Session, token_id: int) -> ApiToken | None:
    """Revoke a token, which ends its sessions; None where there is none of that id."""
    token = session.get(ApiToken, token_id)
    if token is not None and token.revoked_at is None:
        token.revoked_at = now()
    return token


def revoke_tokens(session: Session, token_id: int, *, with_made: bool) -> list[ApiToken]:
    """Revoke a token, and where that is wished those that were made with it, and with these.

    Gives them all; none where there is no token of that id.
    """
    found = [token for token in [revoke_token(session, token_id)] if token is not None]
    if with_made:
        made = select(ApiToken.id).where(ApiToken.made_with_id == token_id)
        for each in session.scalars(made).all():
            found += revoke_tokens(session, each, with_made=True)
    return found


# ------------------------------------------------------------------ users


def set_user(session: Session, name: str, scopes: Iterable[Scope], note: str | None) -> ApiUser:
    """Say what a proxied user may do; with None for the note, an earlier one stays."""
    user = session.get(ApiUser, name)
    if user is None:
        user = ApiUser(name=name, scopes=[])
        session.add(user)
    user.scopes = in_order(with_included(scopes))
    if note is not None:
        user.note = note
    session.flush()
    return user


def forget_user(session: Session, name: str) -> bool:
    """Give a proxied user again what every unknown one has; gives whether it was known."""
    return session.scalar(delete(ApiUser).where(ApiUser.name == name).returning(1)) is not None


def list_users(session: Session) -> list[ApiUser]:
    """Every user whose scopes were set, by name."""
    return list(session.scalars(select(ApiUser).order_by(ApiUser.name)))


def scopes_of(session: Session, name: str) -> frozenset[Scope]:
    """What a user may do now: by a token that is good, or as a proxied user who was set.

    For what the ops side does in the user's name later; who asks now shows a proof.
    """
    tokens = select(ApiToken.scopes).where(
        ApiToken.owner == name,
        ApiToken.revoked_at.is_(None),
        or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > func.now()),
    )
    held = {each for scopes in session.scalars(tokens) for each in scopes}
    if (user := session.get(ApiUser, name)) is not None:
        held |= set(user.scopes) & set(policy(session).proxied_ceiling)
    return frozenset(Scope(each) for each in held)


# ------------------------------------------------------------------ what the database goes by


def policy(session: Session) -> ApiPolicy:
    """What proxied users may do at most, and unless set; and which services there are."""
    return session.scalars(select(ApiPolicy)).one()


def publish(
    session: Session,
    *,
    actions: Mapping[str, Scope],
    proxied_scopes: Iterable[Scope],
    proxied_ceiling: Iterable[Scope],
    services: Iterable[str],
) -> None:
    """Tell the database what the ops side's settings and code say; it holds the web role to it."""
    known = policy(session)
    known.proxied_scopes = in_order(with_included(proxied_scopes))
    known.proxied_ceiling = in_order(with_included(proxied_ceiling))
    known.services = sorted(services)
    session.execute(delete(ApiAction).where(ApiAction.name.not_in(actions)))
    for name, scope in sorted(actions.items()):
        session.execute(
            pg_insert(ApiAction)
            .values(name=name, scope=scope.value)
            .on_conflict_do_update(index_elements=[ApiAction.name], set_={"scope": scope.value})
        )


# ------------------------------------------------------------------ callers


def caller_of(session: Session, proof: Proof) -> Caller | None:
    """Who shows this; None where the token or session is not good, or has ended."""
    shown = {"means": proof.means, "proof": proof.value}
    found = session.execute(_CALLER, shown).first()
    if found is None:
        return None
    if proof.means is not Means.PROXY:
        session.execute(_NOTE_USE, shown)
    scopes = frozenset(Scope(each) for each in found.scopes)
    service = found.name if found.is_service else ""
    return Caller(found.name, proof.means, scopes, service, proof)


def open_session(session: Session, key: str, *, seconds: float) -> str | None:
    """Sign a browser in with a token; gives its secret, or None where the token is not good."""
    secret = secrets.token_urlsafe(32)
    opened = session.scalar(select(func.api_session_open(key, secret, int(seconds))))
    return secret if opened else None


def close_session(session: Session, secret: str) -> None:
    """Sign a browser out."""
    session.execute(select(func.api_session_close(secret)))


@contextmanager
def access_refused() -> Iterator[None]:
    """Say as ours that the database did not take the caller's word.

    Raises:
        Forbidden: With the database's reason.
    """
    try:
        yield
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _REFUSED:
            raise
        reason = getattr(getattr(error.orig, "diag", None), "message_primary", None)
        raise Forbidden(reason or str(error.orig)) from None
