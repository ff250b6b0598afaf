"""Serving an inbox in batches: decide, register, announce, all in one transaction.

Plain functions, not Prefect tasks: at 200 STFs a second a task each would cost 16 GB a day.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from blocks.errors import Invalid
from flows.common import events, requests
from flows.common.database import now, transaction
from flows.common.models import RequestState
from flows.common.requests import Claim
from flows.common.settings import FastmonSettings
from flows.fastmon import domain, messages, repository
from flows.fastmon.domain import Sampling, Stf
from flows.fastmon.models import InboxState, InboxStf, StfFile
from flows.fastmon.repository import Decision, NewStf, NewTf
from flows.fastmon.schemas import StfReady, parse


@dataclass
class Tally:
    """What a sampling run has done so far."""

    stfs: int = 0
    sampled: int = 0
    tfs: int = 0
    set_aside: int = 0
    batches: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another tally to this one; of its reasons the newest few are kept."""
        self.stfs += other.stfs
        self.sampled += other.sampled
        self.tfs += other.tfs
        self.set_aside += other.set_aside
        self.batches += other.batches
        self.reasons = (self.reasons + other.reasons)[-10:]

    def as_dict(self) -> dict[str, Any]:
        """The tally as a request's result."""
        return {
            "stfs": self.stfs,
            "sampled": self.sampled,
            "tfs": self.tfs,
            "set_aside": self.set_aside,
            "batches": self.batches,
            "reasons": self.reasons,
        }


class LeaseTaken(requests.ClaimLost):
    """A successor serves the inbox now."""


def sampling_of(configured: FastmonSettings) -> Sampling:
    """The sampling that the settings ask for."""
    return Sampling(
        selection_fraction=configured.selection_fraction,
        tf_files_per_stf=configured.tf_files_per_stf,
        tf_size_fraction=configured.tf_size_fraction,
        tf_sequence_start=configured.tf_sequence_start,
        tf_count_per_stf=configured.tf_count_per_stf,
        stf_size_bytes=configured.stf_size_bytes,
        seed=configured.seed,
    )


@dataclass(frozen=True)
class Sampler:
    """Serves one namespace's inbox for one attempt at a request."""

    engine: Engine
    namespace: str
    holder: Claim
    sampling: Sampling
    batch_size: int

    def begin(self) -> bool:
        """Take the inbox over and say so; False where a later request serves it already."""
        with transaction(self.engine) as session:
            requests.fence(session, self.holder)
            if not repository.take_lease(session, self.namespace, self.holder):
                return False
            events.commit(session, [self._status("started", "sampling began")])
        return True

    def serve_batch(self) -> Tally:
        """Sample what waits, up to a batch; an empty tally where nothing does.

        Raises:
            LeaseTaken: A successor serves the inbox.
            ClaimLost: The request was taken from this attempt.
            DatabaseUnavailable: Nothing of the batch was kept.
        """
        try:
            return self._serve(self.batch_size)
        except (DBAPIError, Invalid):
            # Something in the batch cannot be written. Alone, it is set aside with the reason.
            return self._serve_one_by_one()

    def hand_over(self) -> int:
        """Open the successor's request; this run serves on until the successor takes the lease."""
        with transaction(self.engine) as session:
            return requests.succeed(session, self.holder)

    def close_if_empty(self, tally: Tally) -> bool:
        """End the request where nothing waits; the row's lock keeps intake from joining it."""
        with transaction(self.engine) as session:
            requests.lock_for_end(session, self.holder)
            if not repository.is_empty(session, self.namespace):
                return False
            self._end(session, tally)
        return True

    def has_ended(self) -> bool:
        """Whether this attempt's request is completed."""
        with transaction(self.engine) as session:
            request = requests.get(session, self.holder.request_id)
            return (
                request.state == RequestState.COMPLETED and request.attempts == self.holder.attempt
            )

    def close_after_hand_over(self, tally: Tally) -> None:
        """End the request; the successor has the inbox."""
        with transaction(self.engine) as session:
            self._end(session, tally)

    def _end(self, session: Session, tally: Tally) -> None:
        requests.finish(session, self.holder, RequestState.COMPLETED, result=tally.as_dict())
        text = f"sampling ended: {tally.sampled} of {tally.stfs} STFs sampled, {tally.tfs} TFs"
        events.commit(session, [self._status("completed", text)])

    def _status(self, status: str, text: str) -> events.NewEvent:
        return messages.status_event(
            self.namespace, status, text, request_id=self.holder.request_id
        )

    def _serve(self, limit: int) -> Tally:
        with transaction(self.engine) as session:
            self._check(session)
            batch = repository.next_batch(session, self.namespace, limit)
            if not batch:
                return Tally()
            return _commit_batch(session, batch, self)

    def _serve_one_by_one(self) -> Tally:
        tally = Tally()
        for _ in range(self.batch_size):
            try:
                one = self._serve(1)
            except DBAPIError as error:
                one = self._set_first_aside(str(error.orig).split("\n", maxsplit=1)[0])
            except Invalid as error:
                one = self._set_first_aside(str(error))
            if not (one.stfs or one.set_aside):
                break
            tally.add(one)
        return tally

    def _set_first_aside(self, reason: str) -> Tally:
        with transaction(self.engine) as session:
            self._check(session)
            for row in repository.next_batch(session, self.namespace, 1):
                repository.set_aside(session, row.id, reason, request_id=self.holder.request_id)
                return Tally(set_aside=1, reasons=[f"{row.stf_filename}: {reason}"])
        return Tally()

    def _check(self, session: Session) -> None:
        if not repository.has_lease(session, self.namespace, self.holder):
            raise LeaseTaken(f"a successor serves namespace {self.namespace!r}")
        requests.fence(session, self.holder)


def _commit_batch(session: Session, batch: Sequence[InboxStf], sampler: Sampler) -> Tally:
    at = now()
    told = [(row, _told(row)) for row in batch]
    runs = repository.ensure_runs(session, [_run_of(row) for row in batch], at)
    rows = repository.ensure_stfs(session, [_new_stf(row, m, runs) for row, m in told], at)
    plans = [_plan(row, message, rows[row.stf_filename], sampler) for row, message in told]
    _refuse_foreign_names(session, plans)
    new = [tf for plan in plans for tf in plan.tfs]
    holder = sampler.holder
    registered = repository.register_tfs(session, new, sampled_by=holder.request_id, at=at)
    _check_owners(session, [tf for tf in new if tf.tf.name not in registered])
    decisions = [plan.decision for plan in plans]
    repository.decide(session, decisions, request_id=holder.request_id, at=at)
    announced = [event for plan in plans for event in plan.announce(registered, holder, at)]
    tally = _tally(plans, len(announced))
    events.commit(session, announced)
    return tally


@dataclass
class _Plan:
    """What is to become of one STF."""

    row: InboxStf
    message: StfReady
    decision: Decision
    tfs: list[NewTf]

    def announce(self, registered: set[str], holder: Claim, at: datetime) -> list[events.NewEvent]:
        return [
            events.message_event(
                messages.tf_file_registered(
                    new.tf,
                    stf_filename=self.row.stf_filename,
                    namespace=self.row.namespace or None,
                    run_number=_run_of(self.row),
                    execution_id=self.message.execution_id,
                    at=at,
                ),
                at=at,
                subject=self.row.stf_filename,
                request_id=holder.request_id,
                flow_run_id=holder.flow_run_id,
            )
            for new in self.tfs
            if new.tf.name in registered
        ]


def _plan(row: InboxStf, message: StfReady, stf_row: StfFile, sampler: Sampler) -> _Plan:
    stf = domain.fill_gaps(
        sampler.sampling,
        row.stf_filename,
        is_first=row.is_first,
        said=(message.size_bytes, message.tf_count),
        row=(stf_row.file_size_bytes, stf_row.tf_count),
    )
    sampled = domain.is_selected(sampler.sampling, stf)
    if sampled and not domain.has_room_for_names(sampler.sampling, stf.name):
        reason = "the names of its TF files would be longer than 255 characters"
        return _Plan(row, message, _aside(row, stf_row.file_id, reason), [])
    record = domain.record(sampler.sampling, stf, sampled=sampled)
    tfs = _new_tfs(sampler, stf, stf_row, record) if sampled else []
    return _Plan(row, message, _decision(row, stf_row, stf, record), tfs)


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


def _new_tfs(sampler: Sampler, stf: Stf, stf_row: StfFile, record: dict[str, Any]) -> list[NewTf]:
    metadata = json.dumps({**record, "simulation": True, "created_from": stf.name})
    return [
        NewTf(tf=tf, stf_file_id=stf_row.file_id, metadata=metadata)
        for tf in domain.tf_files(sampler.sampling, stf)
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
        Invalid: An agent registered one for another STF since the look; look again.
    """
    owners = repository.tf_owners(session, [new.tf.name for new in known]) if known else {}
    for new in known:
        if _is_foreign(owners, new):
            raise Invalid({"filename": [f"TF file name {new.tf.name} was just taken"]})


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


def _tally(plans: Sequence[_Plan], tfs: int) -> Tally:
    aside = [plan for plan in plans if plan.decision.state is InboxState.SET_ASIDE]
    return Tally(
        stfs=len(plans) - len(aside),
        sampled=sum(plan.decision.state is InboxState.SAMPLED for plan in plans),
        tfs=tfs,
        set_aside=len(aside),
        batches=1,
        reasons=[f"{plan.row.stf_filename}: {plan.decision.reason}" for plan in aside],
    )


def _told(row: InboxStf) -> StfReady:
    message = parse(row.message)
    if not isinstance(message, StfReady):
        raise Invalid({"msg_type": [f"{message.msg_type!r} announces no STF"]})
    return message


def _run_of(row: InboxStf) -> int:
    if row.run_number is None:
        raise Invalid({"run_id": ["is no integer"]})
    return row.run_number


def _new_stf(row: InboxStf, message: StfReady, runs: dict[int, int]) -> NewStf:
    return NewStf(
        stf_filename=row.stf_filename,
        run_id=runs[_run_of(row)],
        file_size_bytes=message.size_bytes,
        tf_count=message.tf_count,
        checksum=message.checksum,
        daq_state=message.state,
        daq_substate=message.substate,
    )
