"""All that the page of one production task shows, read in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.assessments import queries as assessments
from api.assessments.models import Assessment
from api.pcs.domain.effective import CONFIG_FIELDS, ConfigNotOfForm
from api.pcs.models import Attempt, ProdRequest, ProdTask
from api.pcs.queries.tasks import open_requests, unresolved_among
from api.pcs.services import plans
from api.requests.views import RequestView, view, views
from api.submission.domain import Operation, Standing, refusals
from api.submission.queries import listing
from api.submission.queries.submission import Submission, attempts_of, submission_of
from flows.common.callers import Caller
from flows.common.database import among
from flows.common.models import OPEN, Request
from flows.common.settings import Settings
from flows.submission.models import (
    PandaOperation,
    PandaRemark,
    RemarkKind,
    SubmissionAttempt,
    SubmissionResolution,
)

_OPERATION: Final = "panda_task_operation"
_OPERATIONS_SHOWN: Final = 50
_DOUBTS: Final = frozenset({RemarkKind.FOREIGN, RemarkKind.ABSENT, RemarkKind.NAMESAKE})


@dataclass(frozen=True)
class Setting:
    """A field of the effective configuration, and what the configuration itself says."""

    name: str
    value: Any
    is_overridden: bool = False
    former: Any = None


@dataclass(frozen=True)
class Try:
    """An attempt: PCS's row, the ops side's record, and the request that both serve."""

    row: Attempt
    record: SubmissionAttempt | None
    request: RequestView | None


@dataclass(frozen=True, kw_only=True)
class Detail:
    """What the page of a task shows.

    Attributes:
        task: The task with all that belongs to it.
        reference: What names it in an address.
        command: Its prun command; empty where none can be composed.
        command_problem: Why none can be.
        next_name: The name that its next attempt gets at PanDA.
        reasons: Why it is not ready under the strict rules.
        against: Why each operation would be refused; empty where it would not.
        tries: Its attempts, newest first.
        operations: What was done to it at PanDA, newest first.
        waiting: Operations that the ops side has not begun.
        remarks: What syncs saw of it at PanDA that PCS cannot hold.
        assessments: What AI assistants last wrote about it and its attempts.
        resolutions: What operators decided of its submissions, newest first.
    """

    task: ProdTask
    reference: str
    command: str
    command_problem: str | None
    next_name: str
    reasons: Sequence[str]
    settings: list[Setting]
    prod_request: ProdRequest | None
    submission: Submission
    against: dict[Operation, list[str]]
    tries: list[Try]
    operations: list[PandaOperation]
    waiting: list[Request]
    remarks: list[PandaRemark]
    assessments: Sequence[Assessment]
    resolutions: list[SubmissionResolution]

    @property
    def is_doubted(self) -> bool:
        """Whether its number may not be its task's, so that an operator may settle it."""
        return any(each.kind in _DOUBTS for each in self.remarks)


def read(session: Session, task: ProdTask, *, caller: Caller, settings: Settings) -> Detail:
    """All of the task's page."""
    submission = submission_of(session, task)
    tries = _tries(session, task, submission, settings)
    newest = task.attempts[-1].id if task.attempts and submission.is_open else None
    command, problem = _command(task, newest)
    [standing] = standings(session, [task], settings)
    against = {
        operation: refusals(operation, standing, caller=caller, is_relaxed=settings.pcs.relaxed)
        for operation in Operation
    }
    return Detail(
        task=task,
        reference=listing.references(session, [task])[task.id],
        command=command,
        command_problem=problem,
        next_name=plans.next_name(task),
        reasons=standing.reasons,
        settings=list(_settings(task)),
        prod_request=session.get(ProdRequest, task.request_id) if task.request_id else None,
        submission=submission,
        against=against,
        tries=tries,
        operations=_operations(session, task),
        waiting=_waiting(session, task),
        remarks=_remarks(session, task),
        assessments=_assessments(session, task),
        resolutions=_resolutions(session, task),
    )


def _command(task: ProdTask, attempt_id: int | None = None) -> tuple[str, str | None]:
    """The task's command, or that of an attempt; or why none can be composed."""
    try:
        return plans.prun_command(task, attempt_id=attempt_id), None
    except ConfigNotOfForm as error:
        return "", str(error)


def _settings(task: ProdTask) -> Iterator[Setting]:
    """What is set, by the configuration or for this task only."""
    config, overrides = task.prod_config, task.overrides or {}
    effective = plans.config_of(task)
    for name in CONFIG_FIELDS:
        value = effective.fields[name]
        is_overridden = name in overrides
        if is_overridden or value not in (None, "", False, [], {}):
            yield Setting(name, value, is_overridden, getattr(config, name))
    former = config.data or {}
    for key, value in sorted(effective.data.items()):
        is_overridden = key in (overrides.get("data") or {})
        yield Setting(f"data.{key}", value, is_overridden, former.get(key))


def _tries(
    session: Session, task: ProdTask, submission: Submission, settings: Settings
) -> list[Try]:
    records = attempts_of(session, task)
    keys = {record.request_id for record in records.values()}
    found = session.scalars(select(Request).where(among(Request.id, keys))).all()
    requests = {request.id: request for request in views(session, found, settings)}
    tries = []
    for row in reversed(task.attempts):
        record = records.get(row.task_name)
        request = requests.get(record.request_id) if record is not None else None
        if request is None and row is task.attempts[-1] and submission.request is not None:
            request = view(session, submission.request, settings)
        tries.append(Try(row, record, request))
    return tries


def _operations(session: Session, task: ProdTask) -> list[PandaOperation]:
    keys = [row.jedi_task_id for row in task.attempts if row.jedi_task_id is not None]
    return list(
        session.scalars(
            select(PandaOperation)
            # The number may have been another task's, at another PanDA.
            .where(
                among(PandaOperation.jedi_task_id, keys),
                PandaOperation.task_name.in_([task.name, ""]),
            )
            .order_by(PandaOperation.requested_at.desc())
            .limit(_OPERATIONS_SHOWN)
        )
    )


def _remarks(session: Session, task: ProdTask) -> list[PandaRemark]:
    wanted = select(PandaRemark).where(
        PandaRemark.task_name == task.name, PandaRemark.cleared_at.is_(None)
    )
    return list(session.scalars(wanted.order_by(PandaRemark.id)))


def _assessments(session: Session, task: ProdTask) -> Sequence[Assessment]:
    attempts = [str(each.jedi_task_id or each.task_name) for each in task.attempts]
    about = [("campaign_task", task.name), *(("panda_task", each) for each in attempts)]
    return assessments.shown_of(session, about)


def _resolutions(session: Session, task: ProdTask) -> list[SubmissionResolution]:
    wanted = select(SubmissionResolution).where(SubmissionResolution.task_name == task.name)
    return list(session.scalars(wanted.order_by(SubmissionResolution.id.desc())))


def _waiting(session: Session, task: ProdTask) -> list[Request]:
    """Operations that were asked for and have no record yet."""
    recorded = select(PandaOperation.request_id)
    return list(
        session.scalars(
            select(Request)
            .where(
                Request.action == _OPERATION,
                Request.state.in_(OPEN),
                Request.subject == task.name,
                Request.id.not_in(recorded),
            )
            .order_by(Request.id.desc())
        )
    )


def standings(
    session: Session, tasks: Sequence[ProdTask], settings: Settings
) -> Iterator[Standing]:
    """What counts of many tasks for their gates, in few queries."""
    strict = plans.readiness(session, tasks, is_relaxed=False)
    held = plans.readiness(session, tasks, is_relaxed=True) if settings.pcs.relaxed else strict
    names = [task.name for task in tasks]
    asked, stuck = open_requests(session, names), unresolved_among(session, names)
    for task in tasks:
        request = asked.get(task.name)
        yield Standing(
            task=task,
            request_id=request.id if request is not None else None,
            is_unresolved=task.name in stuck,
            reasons=strict[task.id],
            reasons_to_lock=held[task.id],
            command_problem=_command(task)[1] if settings.pcs.relaxed else None,
        )
