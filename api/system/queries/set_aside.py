"""Messages of the bus that were set aside, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, cast, func, select, true
from sqlalchemy.orm import Session

from api.system.views import SetAsideMessageView, SetAsideView
from blocks.errors import NotFound
from flows.common.models import OPEN, Request
from flows.messages.actions import SETTLE_MESSAGE
from flows.messages.models import SetAsideMessage, SetAsideState

BEGIN_BYTES: Final = 600
_UNSETTLED: Final = (SetAsideState.OPEN, SetAsideState.RETRY)
_NEWEST: Final = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which messages are listed: those that nobody has settled, or all; older than which."""

    is_all: bool = False
    before: int = _NEWEST


def page(session: Session, wanted: Wanted, limit: int) -> list[SetAsideView]:
    """The newest of those that are wanted, each with the begin of its body."""
    begin = func.substr(SetAsideMessage.body, 1, BEGIN_BYTES)
    query = _select(begin).where(SetAsideMessage.id < wanted.before, _which(wanted))
    rows = session.execute(query.order_by(SetAsideMessage.id.desc()).limit(limit)).mappings()
    return [SetAsideView.model_validate(_shown(row)) for row in rows]


def count(session: Session, wanted: Wanted) -> int:
    """How many are wanted, however old."""
    query = select(func.count()).select_from(SetAsideMessage).where(_which(wanted))
    return session.scalar(query) or 0


def get(session: Session, message_id: int) -> SetAsideMessageView:
    """The message of that number, with its body.

    Raises:
        NotFound: None of that number was set aside.
    """
    query = _select(SetAsideMessage.body).where(SetAsideMessage.id == message_id)
    row = session.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"no message {message_id} was set aside")
    body = _as_text(row["kept"])
    return SetAsideMessageView(**_shown(row) | {"begin": body[:BEGIN_BYTES], "body": body})


def _which(wanted: Wanted) -> ColumnElement[bool]:
    return true() if wanted.is_all else SetAsideMessage.state.in_(_UNSETTLED)


def _select(kept: Any) -> Select[Any]:
    settling = (
        select(func.max(Request.id))
        .where(
            Request.action == SETTLE_MESSAGE.name,
            Request.state.in_(OPEN),
            Request.subject == cast(SetAsideMessage.id, Text),
        )
        .scalar_subquery()
    )
    columns = [each for each in SetAsideMessage.__table__.c if each.name != "body"]
    length = func.octet_length(SetAsideMessage.body)
    is_whole = (length == SetAsideMessage.size_bytes).label("is_whole")
    return select(*columns, kept.label("kept"), is_whole, settling.label("request_id"))


def _shown(row: Any) -> dict[str, Any]:
    return {**row, "begin": _as_text(row["kept"])}


def _as_text(body: bytes) -> str:
    return bytes(body).decode(errors="replace").replace("\x00", "\ufffd")
