"""What people may set of notifications: checked field by field, then written.

Whose a rule may be, and what it may be about, the database holds everybody to (migration 0019).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Final

from sqlalchemy.orm import Session

from api.notifications import subjects, views
from api.notifications.views import WatchList
from blocks.errors import Invalid, Refused
from flows.common import actions
from flows.common.callers import Caller, Scope
from flows.notifications.domain import announced, task_ends
from flows.notifications.domain.words import SubjectKind, What
from flows.notifications.models import Rule, Watch
from flows.notifications.repository import channels, wishes
from flows.notifications.repository.channels import ChannelNotFound
from flows.notifications.repository.wishes import RuleNotFound
from flows.notifications.schemas import RuleForm, WatchForm

MOST_LISTED: Final = 1000
NO_ADDRESS: Final = (
    "You have registered no address: register one on your page /me/ (PUT /api/me/address/), or "
    "name a channel that is open to watchers."
)


def event_types() -> tuple[str, ...]:
    """The types of events that a rule may be about, in order: those that are told."""
    return tuple(sorted({*announced.TYPES, task_ends.EVENT}))


def visible_rules(session: Session, caller: Caller) -> list[tuple[Rule, str | None]]:
    """The rules that the caller may see: their own; whoever may operate sees all."""
    return wishes.rules(session, None if caller.may(Scope.OPERATE) else caller.name)


def visible_rule(session: Session, caller: Caller, rule_id: int) -> tuple[Rule, str | None]:
    """One of them.

    Raises:
        RuleNotFound: There is none of that number, or it is another's.
    """
    for row, channel in visible_rules(session, caller):
        if row.id == rule_id:
            return row, channel
    raise RuleNotFound(f"there is no rule {rule_id} of yours")


def save_rule(
    session: Session, caller: Caller, form: RuleForm, *, rule_id: int | None = None
) -> tuple[Rule, str | None]:
    """Make a rule of the caller's, or change the caller's own.

    Raises:
        Invalid: A field names what there is not.
        Forbidden: The caller may not have such a rule.
        RuleNotFound: The caller has none of that number.
    """
    _check_name(form)
    _check_channel(session, form.channel)
    saved = wishes.save_rule(session, form, caller, rule_id=rule_id)
    session.expire_all()
    return wishes.rule(session, saved), form.channel


def watch_list(
    session: Session,
    caller: Caller,
    *,
    kind: SubjectKind | None = None,
    subject: str | None = None,
    is_live: bool = False,
    limit: int = MOST_LISTED,
    offset: int = 0,
) -> WatchList:
    """The caller's watches, the newest first, so many from an offset on; where one may be told."""
    found = wishes.watches_of(session, caller.name, kind=kind, subject=subject, is_live=is_live)
    opened = [each for each in channels.every(session) if each.is_open_to_watchers]
    return WatchList(
        address=wishes.address_of(session, caller.name),
        channels=[each.name for each in opened if each.is_enabled],
        watches=[views.watch(*each) for each in found[offset : offset + limit]],
    )


def watch(session: Session, caller: Caller, form: WatchForm) -> tuple[Watch, str | None]:
    """Watch something for the caller; the same again is the same watch, and in force again.

    Raises:
        Invalid: Nothing has the subject's name; the channel is none, or not open to watchers; or
            no address is registered.
        Refused: Several tasks have the name, or the caller watches as much as one may.
    """
    _check_channel(session, form.channel, is_watch=True)
    if form.channel is None and wishes.address_of(session, caller.name) is None:
        raise Invalid({"channel": [NO_ADDRESS]})
    subject = subjects.find(session, form.kind, form.subject)
    saved = wishes.add_watch(session, form.model_copy(update={"subject": subject}), caller)
    session.expire_all()
    found = wishes.watches_of(session, caller.name, kind=form.kind, subject=subject)
    return next(each for each in found if each[0].id == saved)


def _check_name(form: RuleForm) -> None:
    """See that there is an action or a type of event of the rule's name."""
    known: dict[What, Collection[str]] = {
        What.ACTION: tuple(actions.all_actions()),
        What.EVENT: event_types(),
    }
    names = known.get(form.what)
    if names is None or not form.name or form.name in names:
        return
    near = difflib.get_close_matches(form.name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
    kind = "action" if form.what is What.ACTION else "type of event"
    raise Invalid({"name": [f"There is no {kind} {form.name!r}; {hint}"]})


def _check_channel(session: Session, name: str | None, *, is_watch: bool = False) -> None:
    if name is None:
        return
    try:
        if is_watch:
            channels.require_open(session, name)
        else:
            channels.named(session, name)
    except (ChannelNotFound, Refused) as error:
        raise Invalid({"channel": [str(error)]}) from None
