"""Rules and channels over REST."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from api.http.access import Asker, Reader, TokenRequester
from api.http.errors import Problem, reading, writing
from api.http.sessions import session_of
from api.http.silence import RestRoute
from api.notifications import services, views
from api.notifications.views import ChannelView, RuleView
from flows.notifications.repository import channels, wishes
from flows.notifications.schemas import RuleForm

router = APIRouter(route_class=RestRoute, prefix="/api", tags=["notifications"])

_MAX_ID: Final = 2**63 - 1
NOBODY: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Problem, "description": "Nobody is known to ask."}
}
_WRITING: Final = NOBODY | writing()
RuleId = Annotated[int, Path(ge=1, le=_MAX_ID)]


class RuleChange(BaseModel):
    """Whether a rule is in force."""

    model_config = ConfigDict(extra="forbid")

    is_enabled: bool = Field(description="Whether it is in force.")


@router.get("/notification-channels/", summary="Where messages may go", responses=reading())
def list_channels(request: Request, reader: Reader) -> list[ChannelView]:
    """Every channel by name, and how it stands; never its URL."""
    with session_of(request) as session:
        return [views.channel(each, reader) for each in channels.every(session)]


@router.get("/notification-rules/", summary="Rules", responses=NOBODY | reading())
def list_rules(request: Request, caller: Asker) -> list[RuleView]:
    """Your own, the newest first; with the scope `operate`, everybody's."""
    with session_of(request) as session:
        return [views.rule(*each) for each in services.visible_rules(session, caller)]


@router.post("/notification-rules/", status_code=201, summary="Make a rule", responses=_WRITING)
def make_rule(request: Request, caller: TokenRequester, form: RuleForm) -> RuleView:
    """A rule on your own takes the scope `request`, any other `operate`.

    It is on your own where it names you as owner or requester, is about no alarm, and tells an
    address or a channel that is open to watchers.
    """
    with session_of(request) as session:
        return views.rule(*services.save_rule(session, caller, form))


@router.get("/notification-rules/{rule_id}/", summary="A rule", responses=NOBODY | reading(404))
def get_rule(rule_id: RuleId, request: Request, caller: Asker) -> RuleView:
    """Your own; with the scope `operate`, anybody's."""
    with session_of(request) as session:
        return views.rule(*services.visible_rule(session, caller, rule_id))


@router.put("/notification-rules/{rule_id}/", summary="Change a rule", responses=_WRITING)
def change_rule(
    rule_id: RuleId, request: Request, caller: TokenRequester, form: RuleForm
) -> RuleView:
    """All of it, by its author alone: what it does is done with the author's scopes."""
    with session_of(request) as session:
        return views.rule(*services.save_rule(session, caller, form, rule_id=rule_id))


@router.patch(
    "/notification-rules/{rule_id}/", summary="Put a rule into or out of force", responses=_WRITING
)
def enable_rule(
    rule_id: RuleId, request: Request, caller: TokenRequester, form: RuleChange
) -> RuleView:
    """Another's takes the scope `operate`."""
    with session_of(request) as session:
        wishes.enable_rule(session, rule_id, caller, is_enabled=form.is_enabled)
        session.expire_all()
        return views.rule(*services.visible_rule(session, caller, rule_id))


@router.delete(
    "/notification-rules/{rule_id}/", status_code=204, summary="Remove a rule", responses=_WRITING
)
def remove_rule(rule_id: RuleId, request: Request, caller: TokenRequester) -> None:
    """What it has told stays in the list. Another's takes the scope `operate`."""
    with session_of(request) as session:
        wishes.remove_rule(session, rule_id, caller)
