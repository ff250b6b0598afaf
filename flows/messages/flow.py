"""The flow that settles what was set aside."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from flows.common import run
from flows.common.flow import flow
from flows.common.run import Announce, Ending
from flows.messages import repository
from flows.messages.actions import SETTLE_MESSAGE, Decision, SettleMessage
from flows.messages.models import SetAsideState

_STATES = {Decision.RETRY: SetAsideState.RETRY, Decision.DROP: SetAsideState.DROPPED}


@flow(SETTLE_MESSAGE)
def settle_message(form: SettleMessage) -> dict[str, Any]:
    """Hand a message to the bridge again, or mark it as dropped.

    Returns:
        message; decision.
    """
    result = {"message": form.message, "decision": form.decision.value}
    present = run.current()
    by = present.requested_by()

    def settle(session: Session, _: Announce) -> Ending:
        repository.settle(session, form.message, _STATES[form.decision], by)
        return Ending(result=result)

    present.finish(settle)
    return result
