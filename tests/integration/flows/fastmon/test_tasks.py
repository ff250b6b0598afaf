"""Batches of the sampler on a real PostgreSQL: rows, states and events together, or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from flows.common import events, holding
from flows.common.claims import ClaimLost
from flows.common.database import now, transaction
from flows.common.database_errors import DatabaseUnavailable
from flows.common.models import Event, Request, RequestState
from flows.common.settings import FastmonSettings
from flows.fastmon import repository
from flows.fastmon.domain import Tally
from flows.fastmon.flow import _Service
from flows.fastmon.intake import Taken
from flows.fastmon.models import (
    FastmonFile,
    FileStatus,
    InboxState,
    InboxStf,
    Run,
    StfFile,
)
from flows.fastmon.tasks import Sampler
from tests.databases import Database
from tests.sampled_run import begin_sampling, take_in

pytestmark = pytest.mark.integration


@pytest.fixture
def ops(database: Database) -> Engine:
    return database.ops_engine


Announce = Callable[..., Taken]


@pytest.fixture
def announce(database: Database) -> Announce:
    """Take an `stf_ready` in, as the API does."""
    agent = database.caller("agent")

    def bring(number: int = 2, **fields: Any) -> Taken:
        body = {
            "msg_type": "stf_ready",
            "namespace": "ns",
            "run_id": "100",
            "filename": f"swf.100.{number:06d}.stf",
            "size_bytes": 7_000_000,
            "tf_count": 700,
            **fields,
        }
        [verdict] = take_in(database.web_engine, [body], agent)
        return verdict.taken

    return bring


def begin(ops: Engine, namespace: str = "ns", **configured: Any) -> Sampler:
    return begin_sampling(ops, namespace, **configured)


def stf_row(ops: Engine, name: str = "swf.100.000002.stf") -> StfFile:
    with transaction(ops) as session:
        return session.scalars(select(StfFile).where(StfFile.stf_filename == name)).one()


def inbox_row(ops: Engine, number: int = 2) -> InboxStf:
    name = f"swf.100.{number:06d}.stf"
    with transaction(ops) as session:
        return session.scalars(select(InboxStf).where(InboxStf.stf_filename == name)).one()


def tfs(ops: Engine) -> list[FastmonFile]:
    with transaction(ops) as session:
        return list(session.scalars(select(FastmonFile).order_by(FastmonFile.tf_filename)))


def announced(ops: Engine, msg_type: str = "tf_file_registered") -> list[Event]:
    with transaction(ops) as session:
        found = select(Event).where(Event.msg_type == msg_type).order_by(Event.id)
        return list(session.scalars(found))


def counts(ops: Engine) -> tuple[int, int, int]:
    """TF rows, `tf_file_registered` events, STFs that wait."""
    with transaction(ops) as session:
        waiting = select(func.count()).where(InboxStf.state == InboxState.WAITING)
        return len(tfs(ops)), len(announced(ops)), session.scalar(waiting) or 0


# ------------------------------------------------------------------ what a batch makes


def test_a_selected_stf_becomes_tf_rows_and_events_and_is_processed(ops, announce):
    announce()
    sampler = begin(ops)
    assert sampler.serve_batch() == Tally(stfs=1, sampled=1, tfs=7, batches=1)
    rows = tfs(ops)
    assert [row.tf_filename for row in rows] == [
        f"swf.100.000002_tf_{number:03d}.tf" for number in range(1, 8)
    ]
    assert all(row.sampled_by == sampler.run.claim.request_id for row in rows)
    assert all(row.file_size_bytes == 7_000_000 * row.tf_count // 700 for row in rows)
    assert stf_row(ops).status == FileStatus.PROCESSED
    assert inbox_row(ops).state == InboxState.SAMPLED


def test_the_events_tell_what_the_rows_hold(ops, announce):
    announce(execution_id="ex-1")
    sampler = begin(ops)
    sampler.serve_batch()
    for row, event in zip(tfs(ops), announced(ops), strict=True):
        assert (event.request_id, event.flow_run_id, event.subject, event.namespace) == (
            sampler.run.claim.request_id, sampler.run.claim.flow_run_id, "swf.100.000002.stf", "ns",
        )  # fmt: skip
        told = event.payload
        assert (told["tf_file_id"], told["tf_first"], told["tf_last"], told["tf_count"]) == (
            str(row.tf_file_id), row.tf_first, row.tf_last, row.tf_count,
        )  # fmt: skip
        assert (told["execution_id"], told["run_id"]) == ("ex-1", "100")


def test_an_stf_that_is_not_selected_is_processed_and_not_sampled(ops, announce):
    announce(1)
    announce(2)
    sampler = begin(ops, selection_fraction=0.0)
    assert sampler.serve_batch() == Tally(stfs=2, sampled=1, tfs=7, batches=1)
    passed = stf_row(ops)
    assert (passed.status, passed.meta["sampled"]) == (FileStatus.PROCESSED, False)
    assert inbox_row(ops, 2).state == InboxState.PASSED
    assert stf_row(ops, "swf.100.000001.stf").meta["first_of_run"] is True


def test_an_unknown_run_and_stf_are_made_from_the_message(ops, announce):
    announce(checksum="ad:01", state="run", substate="physics")
    begin(ops).serve_batch()
    row = stf_row(ops)
    assert (row.checksum, row.daq_state, row.daq_substate) == ("ad:01", "run", "physics")
    assert (row.file_size_bytes, row.tf_count) == (7_000_000, 700)
    with transaction(ops) as session:
        assert session.scalars(select(Run.run_number)).all() == [100]


def test_the_settings_are_recorded_with_the_stf_and_each_tf(ops, announce):
    announce()
    changed = {"tf_files_per_stf": 3, "tf_size_fraction": 0.5, "tf_sequence_start": 0, "seed": "s"}
    begin(ops, **changed).serve_batch()
    assert [row.tf_filename[-6:-3] for row in tfs(ops)] == ["000", "001", "002"]
    for meta in (stf_row(ops).meta, *(row.meta for row in tfs(ops))):
        assert changed.items() <= meta["sampling"].items()
        assert (meta["size_from"], meta["tf_count_from"]) == ("message", "message")
    assert tfs(ops)[0].meta["created_from"] == "swf.100.000002.stf"


def test_what_the_row_said_of_itself_is_kept(ops, announce):
    add_row(ops, meta={"mine": 1, "sampled": "maybe"}, checksum="ad:row")
    announce(checksum="ad:message")
    begin(ops).serve_batch()
    row = stf_row(ops)
    assert (row.meta["mine"], row.meta["sampled"], row.checksum) == (1, True, "ad:row")


def test_metadata_that_is_no_object_does_not_break_the_batch(ops, announce):
    add_row(ops, meta=None)
    announce()
    assert begin(ops).serve_batch().sampled == 1


# ------------------------------------------------------------------ sizes that nobody said


def test_a_size_that_the_message_lacks_comes_from_the_row(ops, announce):
    add_row(ops, file_size_bytes=14_000, tf_count=70)
    announce(size_bytes=None, tf_count=None)
    begin(ops).serve_batch()
    assert sum(row.tf_count for row in tfs(ops)) < 70
    meta = stf_row(ops).meta
    assert (meta["size_from"], meta["tf_count_from"]) == ("stf_row", "stf_row")


def test_a_size_that_nobody_said_is_the_configured_one_marked_and_not_written_as_known(
    ops, announce
):
    announce(size_bytes=None, tf_count=None)
    sampler = begin(ops, tf_count_per_stf=70, stf_size_bytes=7000)
    assert sampler.serve_batch().tfs == 7
    row = stf_row(ops)
    assert (row.meta["size_from"], row.meta["tf_count_from"]) == ("configured", "configured")
    assert (row.file_size_bytes, row.tf_count) == (None, None)
    assert all(tf.file_size_bytes == 100 * tf.tf_count for tf in tfs(ops))


def test_a_size_that_the_message_adds_is_written_to_the_row(ops, announce):
    add_row(ops, file_size_bytes=None, tf_count=None)
    announce()
    begin(ops).serve_batch()
    row = stf_row(ops)
    assert (row.file_size_bytes, row.tf_count) == (7_000_000, 700)


def add_row(ops: Engine, **fields: Any) -> None:
    """The STF's row, as an agent registers it over REST before its message comes."""
    with transaction(ops) as session:
        run = Run(run_number=100, start_time=now())
        session.add(run)
        session.flush()
        session.add(StfFile(run_id=run.run_id, stf_filename="swf.100.000002.stf", **fields))


# ------------------------------------------------------------------ what is set aside


def test_an_stf_whose_tf_names_another_owns_is_set_aside_and_announces_nothing(ops, announce):
    announce(filename="a.stf")
    announce(filename="a.dat")
    tally = begin(ops).serve_batch()
    assert (tally.stfs, tally.set_aside, tally.tfs) == (1, 1, 7)
    assert tally.reasons == ["a.dat: TF file name a_tf_001.tf belongs to another STF"]
    assert {event.subject for event in announced(ops)} == {"a.stf"}
    assert {row.meta["created_from"] for row in tfs(ops)} == {"a.stf"}
    assert states(ops) == {"a.stf": InboxState.SAMPLED, "a.dat": InboxState.SET_ASIDE}


def test_an_stf_some_of_whose_tf_names_an_agent_took_is_set_aside_whole(ops, announce):
    add_row(ops)
    other = uuid.uuid4()
    with transaction(ops) as session:
        run = session.scalars(select(Run.run_id)).one()
        session.add(StfFile(file_id=other, run_id=run, stf_filename="other.stf"))
        session.flush()
        session.add(FastmonFile(stf_file_id=other, tf_filename="swf.100.000002_tf_004.tf"))
    announce()
    assert begin(ops).serve_batch().set_aside == 1
    assert counts(ops) == (1, 0, 0)


def test_a_tf_name_that_is_taken_after_the_look_is_found_at_the_second(ops, announce, monkeypatch):
    announce(filename="a.stf")
    sampler = begin(ops)
    sampler.serve_batch()
    announce(filename="a.dat")
    look = repository.tf_owners
    blind = iter([{}])
    monkeypatch.setattr(
        repository, "tf_owners", lambda session, names: next(blind, look(session, names))
    )
    assert sampler.serve_batch().set_aside == 1
    assert counts(ops) == (7, 7, 0)


def test_a_name_too_long_for_its_tf_files_is_set_aside(ops, announce):
    name = "s" * 251 + ".stf"
    announce(filename=name)
    announce()
    tally = begin(ops).serve_batch()
    assert (tally.stfs, tally.set_aside) == (1, 1)
    row = stf_row(ops, name)
    assert (row.status, row.meta["sampled"]) == (FileStatus.FAILED, False)
    assert "longer than 255" in row.meta["reason"]


def test_a_row_that_the_database_refuses_is_set_aside_alone(ops, announce):
    for number in range(1, 4):
        announce(number)
    with transaction(ops) as session:
        session.execute(
            text("ALTER TABLE swf_stf_files ADD CHECK (stf_filename NOT LIKE '%2.stf')")
        )
    tally = begin(ops).serve_batch()
    assert (tally.stfs, tally.set_aside) == (2, 1)
    assert "violates check constraint" in inbox_row(ops, 2).reason


def states(ops: Engine) -> dict[str, str]:
    with transaction(ops) as session:
        return {row.stf_filename: row.state for row in session.scalars(select(InboxStf))}


# ------------------------------------------------------------------ once, and together


def test_a_redelivered_stf_is_sampled_once(ops, announce):
    assert announce() == Taken.ACCEPTED
    sampler = begin(ops)
    sampler.serve_batch()
    assert announce() == Taken.REPEATED
    assert sampler.serve_batch() == Tally()
    assert counts(ops) == (7, 7, 0)


def test_a_batch_that_breaks_before_its_commit_leaves_nothing_and_is_served_again(
    ops, announce, monkeypatch
):
    announce()
    sampler = begin(ops)

    def break_down(*_: object) -> None:
        broken.undo()
        raise DatabaseUnavailable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(events, "commit", break_down)
        assert sampler.serve_batch().tfs == 7
    assert counts(ops) == (7, 7, 0)


def test_a_run_whose_commit_was_made_but_not_heard_of_does_nothing_twice(
    ops, announce, monkeypatch
):
    announce()
    sampler = begin(ops)
    commit = events.commit

    def commit_and_lose_the_answer(session: Session, appended: Any) -> None:
        commit(session, appended)
        broken.undo()
        raise DatabaseUnavailable("gone")

    with monkeypatch.context() as broken:
        broken.setattr(events, "commit", commit_and_lose_the_answer)
        assert sampler.serve_batch() == Tally()
    assert counts(ops) == (7, 7, 0)


def test_an_attempt_that_was_given_up_cannot_commit_a_batch(ops, announce):
    announce()
    sampler = begin(ops)
    with transaction(ops) as session:
        holding.give_back(session, sampler.run.claim, error="lost", delay_seconds=0)
    with pytest.raises(ClaimLost):
        sampler.serve_batch()
    assert counts(ops) == (0, 0, 1)
    assert begin(ops).serve_batch().tfs == 7


def test_a_later_attempt_makes_the_very_rows_that_the_first_would_have(ops, announce):
    announce()
    sampler = begin(ops)
    sampler.serve_batch()
    first = [(row.tf_file_id, row.tf_first, row.tf_last) for row in tfs(ops)]
    with transaction(ops) as session:
        session.execute(text("DELETE FROM swf_fastmon_files"))
        session.execute(update(InboxStf).values(state=InboxState.WAITING))
    sampler.serve_batch()
    assert [(row.tf_file_id, row.tf_first, row.tf_last) for row in tfs(ops)] == first


def test_namespaces_do_not_touch_each_others_inboxes(ops, announce):
    announce(1)
    announce(2, namespace="other")
    with transaction(ops) as session:
        assert repository.unserved_namespaces(session) == []
    sampler = begin(ops)
    assert sampler.serve_batch().stfs == 1
    assert not sampler.serve_batch().stfs
    assert inbox_row(ops, 2).state == InboxState.WAITING


def test_an_inbox_without_a_request_is_owed_one(ops, announce):
    announce()
    sampler = begin(ops)
    with transaction(ops) as session:
        holding.finish(session, sampler.run.claim, RequestState.FAILED, error="broke")
        assert repository.unserved_namespaces(session) == ["ns"]


# ------------------------------------------------------------------ begin and end


def test_an_stf_that_comes_after_the_run_ended_is_sampled(ops, announce, database):
    body = {"msg_type": "end_run", "run_id": "100", "namespace": "ns"}
    take_in(database.ops_engine, [body])
    assert announce() == Taken.ACCEPTED
    assert begin(ops).serve_batch().sampled == 1


def test_a_run_says_when_it_begins_and_ends_and_leaves_its_tally(ops, announce):
    announce()
    sampler = begin(ops)
    tally = sampler.serve_batch()
    assert sampler.close(tally, if_empty=True)
    told = [event.payload["status"] for event in announced(ops, "fastmon_status")]
    assert told == ["started", "completed"]
    with transaction(ops) as session:
        request = session.get_one(Request, sampler.run.claim.request_id)
    assert request.state == RequestState.COMPLETED
    assert (request.result["tfs"], request.result["sampled"]) == (7, 1)


def test_a_run_does_not_end_while_an_stf_waits(ops, announce):
    announce()
    sampler = begin(ops)
    assert not sampler.close(Tally(), if_empty=True)
    sampler.serve_batch()
    assert sampler.close(Tally(), if_empty=True)
    assert sampler.close(Tally(), if_empty=True)  # as where a commit's answer was lost


def test_many_stfs_are_served_in_batches_each_of_its_size(ops, announce):
    for number in range(1, 13):
        announce(number)
    sampler = begin(ops, batch_size=5)
    served = [sampler.serve_batch().stfs for _ in range(4)]
    assert served == [5, 5, 2, 0]
    assert counts(ops) == (84, 84, 0)


def test_a_run_looks_again_at_once_only_after_a_full_batch(ops, announce, monkeypatch):
    served: list[int] = []
    serve_batch = Sampler.serve_batch

    def watched(sampler: Sampler) -> Tally:
        batch = serve_batch(sampler)
        served.append(batch.stfs)
        if len(served) == 3:
            announce(13)  # its notification has come before the run waits
        return batch

    monkeypatch.setattr(Sampler, "serve_batch", watched)
    monkeypatch.setattr("flows.fastmon.flow.record_progress", lambda *_: None)  # asks Prefect
    for number in range(1, 13):
        announce(number)
    sampler = begin(ops, batch_size=5, idle_seconds=0.5)
    assert _Service(sampler, sampler.configured).run().stfs == 13
    assert served == [5, 5, 2, 1, 0]


def test_a_run_whose_successor_gets_no_slot_ends_and_leaves_it_the_inbox(ops, announce):
    announce(2)
    sampler = begin(ops)
    sampler.serve_batch()
    configured = FastmonSettings(run_seconds=1.01)
    tally = _Service(sampler, configured).run()
    assert tally.stfs == 0
    with transaction(ops) as session:
        first, second = session.scalars(select(Request).order_by(Request.id))
    assert (first.state, first.successor_id) == ("completed", second.id)
    assert (second.state, second.dedup_key) == ("queued", first.dedup_key)
