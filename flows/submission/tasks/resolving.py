"""An operator's word on a submission: checked at PanDA, and made the attempt's state.

From then on the attempt is the deciding request's, which carries it out as a submission does: PCS,
then the one final event. A run that is lost before has changed nothing; one that is lost after
finds the attempt as its own.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.orm import Session

from blocks.errors import Refused
from blocks.panda_server import PandaRefused, TokenRefused
from blocks.pcs_service import PcsRefused, ProdTask
from flows.common import holding, run
from flows.common.database import now
from flows.common.flow import task
from flows.common.models import RequestState
from flows.common.run import Announce
from flows.submission import messages
from flows.submission.domain import adoption, identity, resolution
from flows.submission.domain.resolution import NotToBeResolved, Subject
from flows.submission.models import (
    AttemptState,
    ResolutionOutcome,
    SubmissionAttempt,
    SubmissionResolution,
)
from flows.submission.repository import attempts, resolutions, syncs
from flows.submission.schemas import ResolveSubmission
from flows.submission.tasks import common

REFUSALS: Final = (NotToBeResolved, PandaRefused, PcsRefused, TokenRefused)
"""What keeps a decision from being taken; nothing has changed then."""


class Busy(Refused):
    """A run is working on the submission just now."""


@task("take the attempt over")
def take_over(form: ResolveSubmission) -> SubmissionAttempt:
    """The attempt as it is decided, as this request's; an earlier run's where there was one.

    Raises:
        NotToBeResolved: There is nothing to decide, or PanDA's answer contradicts it.
        Busy: A run is working on the submission.
    """
    present = run.current()
    mine = present.read(lambda session: attempts.of_request(session, present.claim.request_id))
    if mine is not None:
        return mine
    prod_task = common.pcs().task(form.task_name)
    former = present.read(lambda session: attempts.open_of(session, prod_task.name))
    about = resolution.subject(prod_task, former)
    if former is None:
        former = present.read(lambda session: attempts.named(session, about.panda_name))
    if form.adopt:
        values = _adopted(form.adopt, about, former)
    else:
        values = _failed(form, prod_task, about, former)
    values |= {
        "task_name": prod_task.name,
        "panda_tasks_id": about.attempt_id,
        "owner": prod_task.created_by,
        "checks": 0,
    }

    def decide(session: Session, announce: Announce) -> SubmissionAttempt:
        _require_unchanged(session, former)
        decided = _decision(form, about, values)
        if former is not None:
            _end_submission(session, former.request_id, decided)
        session.add(decided)
        syncs.clear_remarks_of(session, prod_task.name)
        announce(messages.resolved(decided, present.claim))
        return attempts.take_over(session, present.claim.request_id, about.panda_name, values)

    return present.write(decide)


def _adopted(jedi_task_id: int, about: Subject, former: SubmissionAttempt | None) -> dict[str, Any]:
    """The attempt's values where it became that task; what differs is said."""
    here, panda = common.here(), common.panda()
    seen = panda.find(jedi_task_id)
    if problem := resolution.against_adoption(about, jedi_task_id, seen, here):
        raise NotToBeResolved(problem)
    first_sent_at = former.first_sent_at if former is not None else None
    differs = [*adoption.circumstances(seen, here.user, first_sent_at, was_there=False)]
    if former is not None and former.arguments:
        differs += adoption.differences(former.arguments, panda.parameters(jedi_task_id))
    return {
        "state": AttemptState.CREATED,
        "jedi_task_id": jedi_task_id,
        "panda_user": seen.user_name if seen is not None else None,
        "panda_server": here.server,
        "differs": "; ".join(differs),
        "reason": None,
    }


def _failed(
    form: ResolveSubmission, prod_task: ProdTask, about: Subject, former: SubmissionAttempt | None
) -> dict[str, Any]:
    """The attempt's values where it made no task, or one that is not ours."""
    _require_over(former)
    here, panda = common.here(), common.panda()
    record = next(
        (each for each in identity.recorded(prod_task) if each.jedi_task_id == about.former), None
    )
    if record is not None:
        key, number = (record.name, record.jedi_task_id), record.jedi_task_id
        origins = run.current().read(lambda session: resolutions.origins(session, [number]))
        record = record.of(origins.get(key))
    seen = panda.find(about.former) if about.former is not None else None
    named = common.tasks_named(about.panda_name)
    if problem := resolution.against_failure(about, record, seen, named, here):
        raise NotToBeResolved(problem)
    reason = f"resolved as failed by {run.current().requested_by()}: {form.reason}"
    return {"state": AttemptState.REFUSED, "reason": reason, "panda_server": here.server}


def _require_over(former: SubmissionAttempt | None) -> None:
    """PanDA must be done with what was sent: it could still make the task after our word."""
    is_lost = former is not None and former.state in {AttemptState.SENDING, AttemptState.UNKNOWN}
    until = former.sending_until if former is not None and is_lost else None
    if until is not None and until > now():
        raise NotToBeResolved(
            f"PanDA may work on what was sent until {until:%Y-%m-%d %H:%M:%S} UTC; decide then"
        )


def _decision(
    form: ResolveSubmission, about: Subject, values: dict[str, Any]
) -> SubmissionResolution:
    return SubmissionResolution(
        request_id=run.current().claim.request_id,
        task_name=values["task_name"],
        panda_name=about.panda_name,
        outcome=ResolutionOutcome.ADOPTED if form.adopt else ResolutionOutcome.FAILED,
        jedi_task_id=form.adopt,
        former_jedi_task_id=about.former,
        panda_user=values.get("panda_user"),
        panda_server=values["panda_server"],
        differs=values.get("differs", ""),
        reason=form.reason,
        resolved_by=run.current().requested_by(),
    )


def _require_unchanged(session: Session, former: SubmissionAttempt | None) -> None:
    """The attempt must stand where it stood as the decision was checked."""
    if former is None:
        return
    present = attempts.get(session, former.id)
    if (present.state, present.sends) != (former.state, former.sends):
        raise NotToBeResolved(f"{former.panda_name} is {present.state} meanwhile; look again")


def _end_submission(session: Session, request_id: int, decided: SubmissionResolution) -> None:
    """End the submission's own request: the deciding one goes on in its stead."""
    by = decided.request_id
    text = f"resolved by {decided.resolved_by} ({decided.reason}); request {by} carries it out"
    state, result = RequestState.FAILED, None
    if decided.outcome == ResolutionOutcome.ADOPTED:
        state, result = RequestState.COMPLETED, {"joined": by, "jedi_task_id": decided.jedi_task_id}
    if not holding.end_waiting(session, request_id, state, result=result, error=text):
        raise Busy(f"request {request_id} is being worked on; tried again in a moment")
