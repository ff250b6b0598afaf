"""The canary's walk: leg by leg, each told as it was walked."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from flows.canary import messages
from flows.canary.actions import RUN_CANARY, RunCanary
from flows.canary.domain import Leg, LegState, Walked, reason, verdict
from flows.canary.messages import CanaryCompleted, CanaryFailed
from flows.canary.tasks import walk
from flows.common import run
from flows.common.events import announcement
from flows.common.flow import flow
from flows.common.models import RequestState
from flows.common.run import Announce, Ending


@flow(RUN_CANARY)
def run_canary(form: RunCanary) -> dict[str, Any]:
    """Walk the legs, one after the other; a broken one does not end the walk.

    Returns:
        state, error, seconds, and legs: of each its leg, state, seconds, text.
    """
    present = run.current()
    walked = []
    for leg in form.legs or list(Leg):
        walked.append(walk(leg))
        _tell(walked[-1])
    result = {
        "state": verdict(walked).value,
        "error": reason(walked),
        "seconds": round(present.elapsed(), 3),
        "legs": [each.row() for each in walked],
    }
    present.finish(lambda session, announce: _ending(session, announce, walked, result))
    return result


def _tell(walked: Walked) -> None:
    present = run.current()
    present.write(lambda _, announce: announce(messages.leg(present.claim, walked)))


def _ending(
    _session: Session, announce: Announce, walked: list[Walked], result: dict[str, Any]
) -> Ending:
    """How the request ends: failed where the chain is broken; where nobody knows, it is done."""
    claim, state = run.current().claim, verdict(walked)
    told = {"seconds": result["seconds"], "legs": result["legs"]}
    if state in {LegState.FAILED, LegState.UNKNOWN}:
        error = result["error"]
        announce(announcement(CanaryFailed, claim, None, state=state.value, error=error, **told))
    else:
        announce(announcement(CanaryCompleted, claim, None, **told))
    if state is LegState.FAILED:
        return Ending(state=RequestState.FAILED, result=result, error=result["error"])
    return Ending(result=result)
