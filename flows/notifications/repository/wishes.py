"""Rules, watches and addresses: what people want told, and where to. Nothing here commits.

Where there is a proof, the database looks at it: the web role has no other way to write.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, and_, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from blocks.errors import NotFound, Refused
from flows.common.access import access_refused
from flows.common.callers import Caller
from flows.common.database import now
from flows.notifications.domain.words import SubjectKind
from flows.notifications.models import Address, Channel, Rule, Watch
from flows.notifications.repository import channels
from flows.notifications.schemas import RuleForm, WatchForm

MOST_RULES: Final = 200
"""Rules of one author."""
MOST_WATCHES: Final = 1000
"""Watches of one user that have not fired."""

_SAVE_RULE = text("SELECT notification_rule_save(:means, :proof, :rule, cast(:wanted AS jsonb))")
_CHANGE_RULE = text("SELECT notification_rule_change(:means, :proof, :named, :rule, :enabled)")
_SET_WATCH = text("SELECT notification_watch_set(:means, :proof, cast(:wanted AS jsonb))")
_REMOVE_WATCH = text("SELECT notification_watch_remove(:means, :proof, :named, :watch)")
_SET_ADDRESS = text("SELECT notification_address_set(:means, :proof, :named, :address)")


class RuleNotFound(NotFound):
    """There is no rule of that number."""


class WatchNotFound(NotFound):
    """You have no watch of that number."""


# ------------------------------------------------------------------ rules


def rules(session: Session, author: str | None = None) -> list[tuple[Rule, str | None]]:
    """Rules, of one author or of all, the newest first; each with the name of its channel."""
    wanted = select(Rule, Channel.name).outerjoin(Channel, Channel.id == Rule.channel_id)
    if author is not None:
        wanted = wanted.where(Rule.author == author)
    return [(rule, name) for rule, name in session.execute(wanted.order_by(Rule.id.desc()))]


def rule(session: Session, rule_id: int) -> Rule:
    """The rule of that number.

    Raises:
        RuleNotFound: There is none.
    """
    if (found := session.get(Rule, rule_id)) is None:
        raise RuleNotFound(f"there is no rule {rule_id}")
    return found


def save_rule(
    session: Session, form: RuleForm, caller: Caller, *, rule_id: int | None = None
) -> int:
    """Make a rule of the caller's, or change the caller's own; gives its number.

    Raises:
        ChannelNotFound: There is no such channel.
        RuleNotFound: There is no such rule of the caller's.
        Refused: The caller has as many as one may have.
        Forbidden: The caller may not.
    """
    channel = None if form.channel is None else channels.named(session, form.channel).id
    if rule_id is None:
        _require_room(session, select(func.count()).where(Rule.author == caller.name), MOST_RULES)
    wanted = {**form.columns(), "author": caller.name, "channel_id": channel}
    saved = _save_rule(session, wanted, caller, rule_id)
    if saved is None:
        raise RuleNotFound(f"there is no rule {rule_id} of yours")
    return saved


def _save_rule(
    session: Session, wanted: dict[str, Any], caller: Caller, rule_id: int | None
) -> int | None:
    if caller.proof is not None:
        values = {**_proof(caller), "rule": rule_id, "wanted": json.dumps(wanted)}
        with access_refused():
            return cast("int | None", session.scalar(_SAVE_RULE, values))
    if rule_id is None:
        return session.scalar(pg_insert(Rule).values(wanted).returning(Rule.id))
    own = update(Rule).where(Rule.id == rule_id, Rule.author == caller.name)
    return session.scalar(own.values(wanted | {"updated_at": now()}).returning(Rule.id))


def enable_rule(session: Session, rule_id: int, caller: Caller, *, is_enabled: bool) -> None:
    """Put a rule into force, or out of it; who may operate also another's.

    Raises:
        RuleNotFound: There is none.
        Forbidden: It is another's, and the caller may not operate.
    """
    _change_rule(session, rule_id, caller, is_enabled=is_enabled)


def remove_rule(session: Session, rule_id: int, caller: Caller) -> None:
    """Remove a rule; who may operate also another's.

    Raises:
        RuleNotFound: There is none.
        Forbidden: It is another's, and the caller may not operate.
    """
    _change_rule(session, rule_id, caller, is_enabled=None)


def _change_rule(
    session: Session, rule_id: int, caller: Caller, *, is_enabled: bool | None
) -> None:
    whose = rule(session, rule_id).author
    caller.require_own(whose, f"Changing a rule of {whose}")
    if caller.proof is not None:
        values = {"named": caller.name, "rule": rule_id, "enabled": is_enabled}
        with access_refused():
            session.execute(_CHANGE_RULE, _proof(caller) | values)
    elif is_enabled is None:
        session.execute(delete(Rule).where(Rule.id == rule_id))
    else:
        changed = {"is_enabled": is_enabled, "updated_at": now()}
        session.execute(update(Rule).where(Rule.id == rule_id).values(changed))


# ------------------------------------------------------------------ watches


def watches_of(
    session: Session,
    username: str,
    *,
    kind: SubjectKind | None = None,
    subject: str | None = None,
    is_live: bool = False,
) -> list[tuple[Watch, str | None]]:
    """A user's watches, the newest first, each with the name of its channel.

    Args:
        session: The database.
        username: Whose.
        kind: Only those of this kind of subject.
        subject: Only those of this subject.
        is_live: Only those that have not fired.
    """
    wanted = select(Watch, Channel.name).outerjoin(Channel, Channel.id == Watch.channel_id)
    wanted = wanted.where(Watch.username == username)
    if kind is not None:
        wanted = wanted.where(Watch.kind == kind)
    if subject is not None:
        wanted = wanted.where(Watch.subject == subject)
    if is_live:
        wanted = wanted.where(Watch.fired_at.is_(None))
    return [(watch, name) for watch, name in session.execute(wanted.order_by(Watch.id.desc()))]


def add_watch(session: Session, form: WatchForm, caller: Caller) -> int:
    """Watch something for the caller; the same again is the same watch, and in force again.

    Raises:
        ChannelNotFound: There is no such channel.
        Refused: The channel is not open to watchers, no address is registered, or the caller
            watches as much as one may.
        Forbidden: The database does not take the caller's proof.
    """
    others = select(func.count()).where(
        Watch.username == caller.name, Watch.fired_at.is_(None), ~_is_of(form)
    )
    _require_room(session, others, MOST_WATCHES)
    channel = None
    if form.channel is not None:
        channel = channels.require_open(session, form.channel).id
    elif address_of(session, caller.name) is None:
        raise Refused("you have registered no address: do so on your page /me/, or name a channel")
    wanted = form.model_dump(mode="json", exclude={"channel"})
    wanted |= {"username": caller.name, "channel_id": channel}
    if caller.proof is not None:
        with access_refused():
            values = _proof(caller) | {"wanted": json.dumps(wanted)}
            return cast("int", session.scalar(_SET_WATCH, values))
    again = {"channel_id": channel, "fired_at": None, "is_new": True, "created_at": now()}
    key = ["username", "kind", "subject", "watch_for"]
    saved = pg_insert(Watch).values(wanted).on_conflict_do_update(index_elements=key, set_=again)
    return cast("int", session.scalar(saved.returning(Watch.id)))


def _is_of(form: WatchForm) -> ColumnElement[bool]:
    """Which of a user's watches is the wanted one."""
    return and_(
        Watch.kind == form.kind,
        Watch.subject == form.subject,
        Watch.watch_for == form.watch_for,
    )


def remove_watch(session: Session, watch_id: int, caller: Caller) -> None:
    """Remove a watch of the caller's.

    Raises:
        WatchNotFound: The caller has none of that number.
        Forbidden: The database does not take the caller's proof.
    """
    if caller.proof is not None:
        values = _proof(caller) | {"named": caller.name, "watch": watch_id}
        with access_refused():
            was_there = session.scalar(_REMOVE_WATCH, values)
    else:
        own = delete(Watch).where(Watch.id == watch_id, Watch.username == caller.name)
        was_there = session.scalar(own.returning(Watch.id)) is not None
    if not was_there:
        raise WatchNotFound(f"you have no watch {watch_id}")


# ------------------------------------------------------------------ addresses


def address_of(session: Session, username: str) -> str | None:
    """The address that a user has registered."""
    return session.scalar(select(Address.email).where(Address.username == username))


def set_address(
    session: Session, email: str | None, caller: Caller, *, domains: Sequence[str] = ()
) -> None:
    """Register the caller's address; None: forget it.

    Args:
        session: The database.
        email: The address, of its form.
        caller: Whose.
        domains: Domains that it may be of; none: any.

    Raises:
        Refused: It is of another domain.
        Forbidden: The database does not take the caller's proof.
    """
    if email is not None and domains and email.rpartition("@")[2].lower() not in domains:
        raise Refused(f"addresses may be of: {', '.join(domains)}")
    if caller.proof is not None:
        with access_refused():
            values = _proof(caller) | {"named": caller.name, "address": email}
            session.execute(_SET_ADDRESS, values)
    elif email is None:
        session.execute(delete(Address).where(Address.username == caller.name))
    else:
        set_ = {"email": email, "registered_at": now()}
        row = pg_insert(Address).values(username=caller.name, **set_)
        session.execute(row.on_conflict_do_update(index_elements=["username"], set_=set_))


# ------------------------------------------------------------------ both


def _require_room(session: Session, counted: Any, most: int) -> None:
    if (session.scalar(counted) or 0) >= most:
        raise Refused(f"you have {most} already, which is as many as one may have")


def _proof(caller: Caller) -> dict[str, Any]:
    assert caller.proof is not None  # noqa: S101 - what has none was refused before
    return {"means": caller.proof.means, "proof": caller.proof.value}
