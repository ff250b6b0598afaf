"""Why a production task failed: before PanDA, at PanDA, or not at all."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from api.explanations.domain import (
    FAILED_AT_PANDA,
    JOBS_FAILED,
    OF_SUBMISSION,
    Explanation,
    Verdict,
)
from api.explanations.of_job import errors_of
from api.http.tools.calls import Call
from api.pcs.models import ProdTask
from api.pcs.services import plans
from api.pcs.tools.common import task_url
from api.submission.domain import Phase
from api.submission.queries.submission import Submission, submission_of
from flows.payload_logs.models import PayloadLog
from flows.submission.models import PandaRemark

_MOST_JOBS: Final = 3


def explain(call: Call, task: ProdTask) -> Explanation:
    """What failed of the task."""
    found = submission_of(call.session, task)
    verdict, advice = OF_SUBMISSION[found.phase]
    explanation = Explanation(
        about=_about(task, found),
        verdict=verdict,
        step=found.step or (found.attempt.step if found.attempt is not None else ""),
        reason=found.reason or found.text,
        what_to_do=[advice],
        related=_request(call, found),
        links={"task": task_url(call, task.name)},
    )
    if found.phase is Phase.SUBMITTED:
        _at_panda(call, task, explanation)
    elif found.phase in {Phase.NONE, Phase.FAILED}:
        _unready(call, task, explanation)
    explanation.what_to_do += _remarks(call, task)
    return explanation


def _about(task: ProdTask, found: Submission) -> dict[str, Any]:
    return {
        "type": "task",
        "name": task.name,
        "composed_name": task.dataset.composed_name,
        "status": task.shown_status,
        "submission": found.phase,
        "jedi_task_id": found.jedi_task_id or task.panda_task_id,
        "next_check_at": found.next_check_at,
    }


def _request(call: Call, found: Submission) -> list[dict[str, Any]]:
    request = found.request
    number = request.id if request is not None else found.attempt and found.attempt.request_id
    if number is None:
        return []
    return [{"request_id": number, "url": call.link(f"/requests/{number}/")}]


def _at_panda(call: Call, task: ProdTask, explanation: Explanation) -> None:
    """What its newest attempt came to at PanDA, with the errors of the logs that are here."""
    attempt = task.pointed or task.attempts[-1]
    status = attempt.status_snapshot
    explanation.about["panda_status"] = status or "not known yet"
    explanation.step = "at PanDA"
    if not (status in FAILED_AT_PANDA or attempt.is_partial):
        explanation.reason = f"PanDA said {status} last." if status else "PanDA was not asked yet."
        return
    explanation.verdict = Verdict.PARTLY if attempt.is_partial else Verdict.FAILED
    explanation.reason = f"PanDA ended it as {status}. {attempt.lost_inputs}".strip()
    explanation.what_to_do = list(JOBS_FAILED)
    for row in _logs(call, attempt.jedi_task_id):
        explanation.last_errors += errors_of(call, row)
        url = call.link(f"/panda/jobs/{row.pandaid}/log/")
        explanation.related.append({"pandaid": row.pandaid, "log": row.state, "url": url})


def _logs(call: Call, jedi_task_id: int | None) -> list[PayloadLog]:
    wanted = select(PayloadLog).where(PayloadLog.jeditaskid == jedi_task_id)
    newest = wanted.order_by(PayloadLog.updated_at.desc()).limit(_MOST_JOBS)
    return list(call.session.scalars(newest))


def _unready(call: Call, task: ProdTask, explanation: Explanation) -> None:
    """Why it could not be submitted now."""
    relaxed = call.settings.pcs.relaxed
    reasons = plans.reasons_against(call.session, task, is_relaxed=relaxed)
    if reasons:
        explanation.what_to_do.append(f"It is not ready: {'; '.join(reasons)}.")


def _remarks(call: Call, task: ProdTask) -> list[str]:
    wanted = select(PandaRemark.text).where(
        PandaRemark.task_name == task.name, PandaRemark.cleared_at.is_(None)
    )
    return [f"To know: {text}" for text in call.session.scalars(wanted.order_by(PandaRemark.id))]
