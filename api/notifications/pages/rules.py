"""The rules: listed, made, changed; and the channels that they may name."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.http import links, pages
from api.http.sessions import read
from api.notifications import services, views
from flows.common import actions
from flows.common.callers import Caller, Scope
from flows.notifications.alarms.options import AlarmKind, AlarmOptions
from flows.notifications.domain.words import Outcome, What
from flows.notifications.repository import channels, wishes

router = APIRouter(
    route_class=pages.PageRoute, prefix="/notifications/rules", include_in_schema=False
)


@router.get("/")
async def rules_page(request: Request) -> Response:
    """One's own rules, or with the scope operate everybody's, and the form that makes one."""
    viewer = await pages.viewer_of(request)
    if not viewer.is_known:
        raise pages.LoginNeeded
    found = await read(request, lambda session: _found(session, viewer))
    return await pages.show(
        request,
        "notification_rules.html",
        viewer,
        **found,
        known=pages.known(viewer),
        is_operator=viewer.may(Scope.OPERATE),
        kinds=[each.value for each in What],
        outcomes=[each.value for each in Outcome],
        actions=sorted(actions.all_actions()),
        event_types=services.event_types(),
        alarm_kinds=[each.value for each in AlarmKind],
        alarm_options=_alarm_options(),
        api=f"{links.prefix_of(request)}/api/notification-rules/",
    )


def _found(session: Session, viewer: Caller) -> dict[str, Any]:
    rules = services.visible_rules(session, viewer)
    return {
        "rules": [views.rule(*each) for each in rules],
        "channels": [views.channel(each, viewer) for each in channels.every(session)],
        "address": wishes.address_of(session, viewer.name),
    }


def _alarm_options() -> list[dict[str, Any]]:
    """The limits of alarms, as the form offers them: name, description, usual value."""
    return [
        {
            "name": name,
            "description": field.description,
            "usual": f"{field.default:g}",
            "is_switch": field.annotation is bool,
        }
        for name, field in AlarmOptions.model_fields.items()
    ]
