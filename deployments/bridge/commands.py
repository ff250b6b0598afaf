"""What comes by the queue of the ops agent: a request for an action, or something that answers it.

A peer's message says more than an action's form has room for; what the form does not name is
left out, but for who asks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from blocks.errors import Forbidden, Invalid, ProdOpsError, Refused
from deployments.bridge.reading import Read, Unusable
from deployments.bridge.unbuilt import UNBUILT
from flows.common import actions, requests
from flows.common.actions import Action
from flows.common.callers import BUS, Scope, on_bus
from flows.common.events import NewEvent

_CONTROL: Final = {
    "health_ping": "health_ping needs reply_to, which begins with /queue/ or /topic/",
    "shutdown": "shutdown by the bus is switched off (PRODOPS_BUS_ALLOWS_SHUTDOWN)",
}
"""Control messages that come as far as here: `deployments/bridge/control.py` answers the others."""
_SPEAKERS: Final = ("created_by", "owner", "requested_by")


def require_namespace(body: Mapping[str, Any], namespace: str) -> None:
    """Let pass what is addressed to us, or to nobody.

    Source: fastmon contract section 1.4.

    Raises:
        Unusable: It is addressed to another namespace; it is consumed, so it must not be lost.
    """
    theirs = body.get("namespace")
    if theirs and namespace and theirs != namespace:
        raise Unusable(f"it is addressed to namespace {theirs!r}, and this is {namespace!r}")


def carry_out(session: Session, read: Read, scopes: Collection[Scope]) -> Sequence[NewEvent]:
    """Accept the request for an action that a message makes; gives the events that answer it now.

    Raises:
        Unusable: There is no such action, a key is missing or wrong, or nothing announces that
            it was refused.
    """
    name = read.message.msg_type
    if (answer := UNBUILT.get(name)) is not None:
        return (answer.to(read.body),)
    if name in _CONTROL:
        raise Unusable(_CONTROL[name])
    action = actions.all_actions().get(name)
    if action is None:
        raise Unusable(f"there is no action {name!r}")
    try:
        form = action.parse(_parameters(action, read.body))
    except Invalid as error:
        raise Unusable(str(error)) from None
    try:
        caller = on_bus(speaker(read.body), scopes)
        requests.accept(session, action, form, caller=caller, source=BUS)
    except (Refused, Forbidden) as error:
        return _refusal(action, form, error)
    return ()


def _refusal(action: Action, form: Any, error: ProdOpsError) -> Sequence[NewEvent]:
    events = action.refused(form, str(error))
    if not events:
        raise Unusable(f"it was refused: {error}")
    return events


def _parameters(action: Action, body: Mapping[str, Any]) -> dict[str, Any]:
    fields = action.parameters.model_fields
    # What is null is what the peer has not set, as if the key were absent.
    return {key: value for key, value in body.items() if key in fields and value is not None}


def speaker(body: Mapping[str, Any]) -> str:
    """In whose name the message asks; empty: the bus's own."""
    named = (body.get(key) for key in _SPEAKERS)
    return next((name for name in named if isinstance(name, str) and name), "")
