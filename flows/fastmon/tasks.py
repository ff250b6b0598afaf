"""What a sampling run does: it serves an inbox in batches, and leaves records in Prefect.

Serving a batch is no Prefect task: at 200 STFs a second a task each would cost 16 GB a day.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from prefect import get_run_logger
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from flows.common import claims, holding, text
from flows.common.database import now
from flows.common.database_errors import DatabaseUnavailable
from flows.common.events import NewEvent
from flows.common.flow import task
from flows.common.run import Announce, Ending, Run
from flows.common.settings import FastmonSettings
from flows.fastmon import domain, messages, repository
from flows.fastmon.domain import Sampling, Stf, Tally
from flows.fastmon.models import InboxState, InboxStf, StfFile
from flows.fastmon.repository import Decision, NewTf


@task("record progress", delays=())
def record_progress(tally: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Record what the run has done since the last summary, `seconds` ago."""
    rate = tally["stfs"] / seconds if seconds else 0.0
    get_run_logger().info(
        "%d STFs (%.1f/s), %d sampled, %d TFs registered, %d set aside",
        tally["stfs"],
        rate,
        tally["sampled"],
        tally["tfs"],
        tally["set_aside"],
    )
    return tally


@task("record error", delays=())
def record_error(reasons: list[str]) -> None:
    """Record why STFs were set aside, or what broke."""
    for reason in reasons:
        get_run_logger().error("%s", reason)


class LeaseTaken(claims.ClaimLost):
    """A successor serves the inbox now."""


class _Unwritable(ProdOpsError):
    """An STF of a batch cannot be written; alone, it is set aside with the reason."""


@dataclass(frozen=True)
class Sampler:
    """Serves one namespace's inbox in one run.

    Every method raises ClaimLost where the request was taken from the run, and DatabaseUnavailable
    where the database stayed away: then nothing was written.
    """

    run: Run
    namespace: str
    configured: FastmonSettings

    def begin(self) -> None:
        """Take the inbox over and say so.

        Raises:
            LeaseTaken: A later request serves it already.
        """

        def take_over(session: Session, announce: Announce) -> None:
            if not repository.take_lease(session, self.namespace, self.run.claim):
                raise self._lease_taken()
            announce(self._status("started", "sampling began"))

        self.run.write(take_over)

    def serve_batch(self) -> Tally:
        """Sample what waits, up to a batch; an empty tally where nothing does.

        Raises:
            LeaseTaken: A successor serves the inbox.
        """
        try:
            return self._serve(self.configured.batch_size)
        except (claims.ClaimLost, DatabaseUnavailable):
            raise
        except Exception:  # noqa: BLE001 - one STF of the batch: alone, it is set aside and named
            return self._serve_one_by_one()

    def hand_over(self) -> None:
        """Open the successor's request; this run serves on until the successor takes the lease."""
        self.run.write(lambda session, _: holding.succeed(session, self.run.claim))

    def close(self, tally: Tally, *, if_empty: bool = False) -> bool:
        """End the request; `if_empty`: only where nothing waits. Gives whether it has ended.

        The request's row is locked meanwhile, which keeps intake from joining it.
        """

        def end(session: Session, announce: Announce) -> Ending | None:
            if if_empty and not repository.is_empty(session, self.namespace):
                return None
            said = f"sampling ended: {tally.sampled} of {tally.stfs} STFs sampled, {tally.tfs} TFs"
            announce(self._status("completed", said))
            return Ending(result=asdict(tally))

        return self.run.finish(end)

    def _status(self, status: str, said: str) -> NewEvent:
        return messages.fastmon_status(
            self.namespace, status, said, request_id=self.run.claim.request_id
        )

    def _lease_taken(self) -> LeaseTaken:
        return LeaseTaken(f"a successor serves namespace {self.namespace!r}")

    def _serve(self, limit: int) -> Tally:
        def serve(session: Session, announce: Announce) -> Tally:
            batch = self._next(session, limit)
            return self._sample(session, announce, batch) if batch else Tally()

        return self.run.write(serve)

    def _serve_one_by_one(self) -> Tally:
        tally = Tally()
        for _ in range(self.configured.batch_size):
            try:
                one = self._serve(1)
            except (claims.ClaimLost, DatabaseUnavailable):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this STF's reason
                one = self._set_first_aside(_reason(error))
            if not (one.stfs or one.set_aside):
                break
            tally.add(one)
        return tally

    def _set_first_aside(self, reason: str) -> Tally:
        def set_aside(session: Session, _: Announce) -> Tally:
            for row in self._next(session, 1):
                aside = Decision(inbox_id=row.id, state=InboxState.SET_ASIDE, reason=reason)
                request_id = self.run.claim.request_id
                repository.decide(session, [aside], request_id=request_id, at=now())
                return Tally(set_aside=1, reasons=[f"{row.stf_filename}: {reason}"])
            return Tally()

        return self.run.write(set_aside)

    def _next(self, session: Session, limit: int) -> Sequence[InboxStf]:
        if not repository.has_lease(session, self.namespace, self.run.claim):
            raise self._lease_taken()
        return repository.next_batch(session, self.namespace, limit)

    def _sample(self, session: Session, announce: Announce, batch: Sequence[InboxStf]) -> Tally:
        """Decide on a batch, register its TF files, announce them: all in one transaction."""
        at, claim = now(), self.run.claim
        runs = repository.ensure_runs(session, [_run_of(row) for row in batch], at)
        stfs = repository.ensure_stfs(session, [(row, runs[_run_of(row)]) for row in batch], at)
        sampling = domain.Sampling.of(self.configured)
        plans = [_plan(row, stfs[row.stf_filename], sampling) for row in batch]
        _refuse_foreign_names(session, plans)
        new = [tf for plan in plans for tf in plan.tfs]
        registered = repository.register_tfs(session, new, sampled_by=claim.request_id, at=at)
        _check_owners(session, [each for each in new if each.tf.name not in registered])
        decisions = [plan.decision for plan in plans]
        repository.decide(session, decisions, request_id=claim.request_id, at=at)
        for plan in plans:
            for each in plan.tfs:
                if each.tf.name in registered:
                    announce(messages.tf_file_registered(each.tf, plan.row, claim=claim, at=at))
        return _tally(plans, tfs=len(registered))


@dataclass
class _Plan:
    """What is to become of one STF."""

    row: InboxStf
    decision: Decision
    tfs: list[NewTf]


def _reason(error: Exception) -> str:
    if isinstance(error, DBAPIError):
        return text.kept(str(error.orig).split("\n", maxsplit=1)[0])
    name = "" if isinstance(error, ProdOpsError) else f"{type(error).__name__}: "
    return text.kept(f"{name}{error}")


def _plan(row: InboxStf, stf_row: StfFile, sampling: Sampling) -> _Plan:
    stf = domain.fill_gaps(
        sampling,
        row.stf_filename,
        is_first=row.is_first,
        said=(row.size_bytes, row.tf_count),
        row=(stf_row.file_size_bytes, stf_row.tf_count),
    )
    is_sampled = domain.is_selected(sampling, stf)
    if is_sampled and not domain.has_room_for_names(sampling, stf.name):
        reason = "the names of its TF files would be longer than 255 characters"
        return _Plan(row, _aside(row, stf_row.file_id, reason), [])
    record = domain.record(sampling, stf, sampled=is_sampled)
    tfs = _new_tfs(sampling, stf, stf_row, record) if is_sampled else []
    return _Plan(row, _decision(row, stf_row, stf, record), tfs)


def _decision(row: InboxStf, stf_row: StfFile, stf: Stf, record: dict[str, Any]) -> Decision:
    return Decision(
        inbox_id=row.id,
        state=InboxState.SAMPLED if record["sampled"] else InboxState.PASSED,
        file_id=stf_row.file_id,
        metadata=json.dumps(record),
        # What was only assumed is not written as if it were known.
        size_bytes=None if stf.size_from is domain.Origin.CONFIGURED else stf.size_bytes,
        tf_count=None if stf.tf_count_from is domain.Origin.CONFIGURED else stf.tf_count,
    )


def _new_tfs(sampling: Sampling, stf: Stf, stf_row: StfFile, record: dict[str, Any]) -> list[NewTf]:
    metadata = json.dumps({**record, "simulation": True, "created_from": stf.name})
    return [
        NewTf(tf=tf, stf_file_id=stf_row.file_id, metadata=metadata)
        for tf in domain.tf_files(sampling, stf)
    ]


def _refuse_foreign_names(session: Session, plans: Sequence[_Plan]) -> None:
    """Set an STF aside whose TF names another STF has; `a.stf` and `a.dat` would share them."""
    owners = repository.tf_owners(session, [new.tf.name for plan in plans for new in plan.tfs])
    for plan in plans:
        foreign = [new.tf.name for new in plan.tfs if _is_foreign(owners, new)]
        if foreign:
            reason = f"TF file name {foreign[0]} belongs to another STF"
            plan.decision = _aside(plan.row, plan.decision.file_id, reason)
            plan.tfs = []
        owners |= {new.tf.name: new.stf_file_id for new in plan.tfs}


def _check_owners(session: Session, known: Sequence[NewTf]) -> None:
    """See that the TFs that were there before are their own STF's.

    Raises:
        _Unwritable: An agent registered one for another STF since the look; look again.
    """
    owners = repository.tf_owners(session, [new.tf.name for new in known]) if known else {}
    for new in known:
        if _is_foreign(owners, new):
            raise _Unwritable(f"TF file name {new.tf.name} was just taken")


def _is_foreign(owners: dict[str, uuid.UUID], new: NewTf) -> bool:
    return owners.get(new.tf.name, new.stf_file_id) != new.stf_file_id


def _aside(row: InboxStf, file_id: uuid.UUID | None, reason: str) -> Decision:
    return Decision(
        inbox_id=row.id,
        state=InboxState.SET_ASIDE,
        reason=reason,
        file_id=file_id,
        status="failed",
        metadata=json.dumps({"sampled": False, "reason": reason}),
    )


def _tally(plans: Sequence[_Plan], *, tfs: int) -> Tally:
    aside = [plan for plan in plans if plan.decision.state is InboxState.SET_ASIDE]
    return Tally(
        stfs=len(plans) - len(aside),
        sampled=sum(plan.decision.state is InboxState.SAMPLED for plan in plans),
        tfs=tfs,
        set_aside=len(aside),
        batches=1,
        reasons=[f"{plan.row.stf_filename}: {plan.decision.reason}" for plan in aside],
    )


def _run_of(row: InboxStf) -> int:
    if row.run_number is None:
        raise _Unwritable("the run is no integer")
    return row.run_number
