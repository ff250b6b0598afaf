"""Step 1: which log the job's is, by PanDA's word; by the caller's only where PanDA is silent."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final

from blocks import did_names
from blocks.errors import ProdOpsError
from blocks.panda_server import PandaServer
from blocks.panda_server.jobs import PandaJob
from flows.common import adapters, run
from flows.common.database import now
from flows.common.outsides import PANDA
from flows.common.run import Run
from flows.payload_logs.actions import FetchPayloadLog
from flows.payload_logs.errors import JobUnknown, LogAbsent
from flows.payload_logs.models import LocatedBy, PayloadLog, Step
from flows.payload_logs.tasks.progress import note

_TOKEN_MARGIN_SECONDS: Final = 60.0


def locate_log(log: PayloadLog, order: FetchPayloadLog) -> PayloadLog:
    """The row of a log with its task, scope and name.

    PanDA is asked each time: what was noted may be of a PanDA that was installed anew since, and
    what a caller gave may be another job's. It counts only while PanDA cannot be asked, and is
    marked as the caller's. What another PanDA said counts never: its number is another job's.

    Raises:
        LogAbsent: PanDA knows no such job, or no log of it.
        ProdOpsError: PanDA cannot be asked, and nobody else said which log it is.
    """
    try:
        job = run.current().adapter(_panda).job(log.pandaid)
    except ProdOpsError as silence:
        return _without_panda(log, order, silence)
    if job is None:
        note(log.pandaid, Step.LOOK_UP, "PanDA knows no such job", looked_up_at=now())
        raise JobUnknown(f"job {log.pandaid}: PanDA knows no such job")
    return _as_panda_says(log, job)


def _as_panda_says(log: PayloadLog, job: PandaJob) -> PayloadLog:
    if job.log is None or job.jedi_task_id is None:
        found = {"jeditaskid": job.jedi_task_id, "looked_up_at": now()}
        note(log.pandaid, Step.LOOK_UP, f"the job is {job.status}, without a log", **found)
        raise LogAbsent("no Rucio log dataset registered (job may not be complete yet)")
    lfn = did_names.check_name(job.log.lfn, has_slash=job.log.lfn.startswith("/"))
    text = f"PanDA: the job is {job.status}, of task {job.jedi_task_id}"
    return _located(
        log, LocatedBy.PANDA, text, panda_server=_origins()[0],
        jeditaskid=job.jedi_task_id, scope=did_names.check_scope(job.log.scope), lfn=lfn,
        looked_up_at=now(),
    )  # fmt: skip


def _without_panda(log: PayloadLog, order: FetchPayloadLog, silence: ProdOpsError) -> PayloadLog:
    is_said = log.located_by == LocatedBy.PANDA and not is_elsewhere(log)
    given = order.model_dump(include={"jeditaskid", "scope", "lfn"})
    if None not in given.values() and not is_said:
        text = f"PanDA cannot be asked ({silence}); it is taken as whoever asked named it"
        return _located(log, LocatedBy.CALLER, text, panda_server=None, **given)
    if None in (log.jeditaskid, log.scope, log.lfn) or is_elsewhere(log):
        raise silence
    said = "PanDA said before" if is_said else "it was named before"
    text = f"PanDA cannot be asked ({silence}); it is taken as {said}"
    return note(log.pandaid, Step.LOOK_UP, text)


def is_elsewhere(log: PayloadLog) -> bool:
    """Whether another PanDA than the one that is set said which log it is."""
    is_set = run.current().sources.has(PANDA)
    return is_set and log.panda_server is not None and log.panda_server not in _origins()


def _origins() -> tuple[str, ...]:
    return adapters.panda(run.current().sources).origins


def _located(log: PayloadLog, by: LocatedBy, text: str, **found: Any) -> PayloadLog:
    former = (log.jeditaskid, log.scope, log.lfn)
    if former != (found["jeditaskid"], found["scope"], found["lfn"]):
        # Failures of another file, and its members, say nothing of this one.
        found |= {"attempts": 0, "last_error": None, "members": []}
    return note(log.pandaid, Step.LOOK_UP, text, located_by=by, **found)


def _panda(present: Run) -> AbstractContextManager[PandaServer]:
    configured = adapters.panda(present.sources)
    tokens = configured.token_source(margin_seconds=_TOKEN_MARGIN_SECONDS)
    return configured.server(lambda: tokens.identity().token, timeout_seconds=present.remaining())
