"""Fetches with a real Rucio and real doors: what is published, recorded and announced."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from blocks.errors import ProdOpsError
from deployments.worker.request_store import Ending, RequestStore
from flows.common import claims, holding, sources
from flows.common.claims import ClaimLost
from flows.common.database import transaction
from flows.common.models import RequestState
from flows.common.settings import settings
from flows.payload_logs import cache, flow
from flows.payload_logs.models import PayloadLog
from tests.cases import same
from tests.support.payload_logs import fetches as payload_log_fetches
from tests.support.payload_logs.fetches import PILOT, STDOUT, TASK, Fetches

pytestmark = pytest.mark.integration

fetches = payload_log_fetches.fetches


@pytest.fixture
def copies(fetches: Fetches, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The logs that are copied."""
    copied: list[object] = []
    copy = flow.copy_log

    def note_and_copy(located, directory):
        copied.append(located)
        return copy(located, directory)

    monkeypatch.setattr(flow, "copy_log", note_and_copy)
    return copied


def test_a_log_is_copied_checked_unpacked_and_published(fetches: Fetches) -> None:
    order = fetches.job()
    assert fetches.run(**order) == {
        "members": ["payload.stdout", "pilotlog.txt"], "source": "BNL-XRD"
    }  # fmt: skip
    assert fetches.files(order) == {"payload.stdout": STDOUT, "pilotlog.txt": PILOT}
    row = fetches.row(order)
    assert (row.state, row.rse, row.attempts, row.last_error) == ("ready", "BNL-XRD", 0, None)
    assert [each["path"] for each in row.members] == [
        "payload.stdout", "tarball_PandaJob/pilotlog.txt"
    ]  # fmt: skip
    assert fetches.left() == []


def test_a_fetch_announces_its_steps_in_order_and_one_final_event(fetches: Fetches) -> None:
    order = fetches.job()
    fetches.run(**order)
    progress = fetches.events("payload_log_progress")
    steps = {each["step"]: each for each in progress}  # a slow copy is announced again
    assert list(steps) == ["look_up", "resolve", "copy", "verify", "unpack", "publish"]
    assert [each["step_number"] for each in steps.values()] == [1, 2, 3, 4, 5, 6]
    numbers = [each["step_number"] for each in progress]
    assert numbers == sorted(numbers)
    assert "size and checksum are the catalogue's" in steps["verify"]["text"]
    (ready,) = fetches.events("payload_log_ready")
    assert (ready["pandaid"], ready["jeditaskid"]) == (str(order["pandaid"]), str(TASK))
    assert fetches.request().state == RequestState.COMPLETED


def test_a_log_in_the_cache_is_ready_without_a_transfer(fetches: Fetches, copies) -> None:
    order = fetches.job()
    fetches.run(**order)
    fetched_at = fetches.row(order).fetched_at
    assert fetches.run(pandaid=order["pandaid"])["source"] == "cache"
    assert len(copies) == 1
    row = fetches.row(order)
    assert (row.state, row.rse, row.fetched_at) == ("ready", "BNL-XRD", fetched_at)
    assert len(fetches.events("payload_log_ready")) == 2


def test_a_log_that_the_original_agent_cached_is_ready(fetches: Fetches) -> None:
    order = {"pandaid": 5_000_001, "jeditaskid": TASK, "scope": "group.EIC", "lfn": "x.log.tgz"}
    directory = fetches.directory(order)
    directory.mkdir(parents=True)
    (directory / "payload.stdout").write_bytes(STDOUT)
    (directory / ".done").write_text("payload.stdout\n")
    fetches.run(**order)
    (member,) = fetches.row(order).members
    assert member == {"name": "payload.stdout", "path": "payload.stdout", "size_bytes": len(STDOUT)}
    assert set(fetches.steps()) == {"look_up"}


def test_two_callers_share_one_fetch(fetches: Fetches) -> None:
    order = fetches.job()
    assert fetches.ask(**order).id == fetches.ask(pandaid=order["pandaid"]).id
    fetches.work(fetches.claim(), **order)
    assert len(fetches.events("payload_log_ready")) == 1


def test_force_fetches_anew(fetches: Fetches, copies) -> None:
    order = fetches.job()
    fetches.run(**order)
    (fetches.directory(order) / "payload.stdout").write_text("old")
    fetches.run(pandaid=order["pandaid"], force=True)
    assert len(copies) == 2
    assert fetches.files(order)["payload.stdout"] == STDOUT


def truncate(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("lose", same(Path.unlink, truncate))
@pytest.mark.parametrize("name", same("payload.stdout", "pilotlog.txt", ".done"))
def test_a_log_that_lost_a_file_is_fetched_anew_without_force(
    fetches: Fetches, copies, name: str, lose
) -> None:
    order = fetches.job()
    fetches.run(**order)
    lose(fetches.directory(order) / name)
    assert fetches.run(pandaid=order["pandaid"])["source"] == "BNL-XRD"
    assert fetches.files(order) == {"payload.stdout": STDOUT, "pilotlog.txt": PILOT}
    assert len(copies) == 2


def test_a_forced_fetch_that_fails_leaves_the_old_log(fetches: Fetches) -> None:
    order = fetches.job()
    fetches.run(**order)
    fetches.grid.door_path("BNL-XRD", order["lfn"]).unlink()
    assert "the file is not there" in fetches.fail(**order, force=True)
    assert fetches.files(order)["payload.stdout"] == STDOUT
    assert cache.is_whole(fetches.directory(order))
    assert fetches.row(order).state == "failed"


# ------------------------------------------------------------------ attempts


def test_failures_are_counted_marked_for_peers_and_bounded(fetches: Fetches) -> None:
    order = fetches.job(is_stored=False)
    reasons = [fetches.fail(**order) for _ in range(4)]
    assert reasons[0].startswith("BNL-XRD: the file is not there")
    assert reasons[3].startswith("3 fetches failed, only a forced one tries again; the last: BNL")
    row = fetches.row(order)
    assert (row.state, row.attempts, row.last_error) == ("failed", 3, reasons[0])
    mark = json.loads((fetches.directory(order) / ".error").read_text())
    assert (mark["attempts"], mark["last_error"]) == (3, reasons[0])
    assert [each["attempts"] for each in fetches.events("payload_log_failed")] == [1, 2, 3, 3]


def test_a_success_clears_the_count_and_the_mark(fetches: Fetches) -> None:
    order = fetches.job()
    stored = fetches.grid.door_path("BNL-XRD", order["lfn"])
    content = stored.read_bytes()
    stored.unlink()
    fetches.fail(**order)
    fetches.grid.put("BNL-XRD", order["lfn"], content)
    fetches.run(**order)
    row = fetches.row(order)
    assert (row.state, row.attempts, row.last_error) == ("ready", 0, None)
    assert not (fetches.directory(order) / ".error").exists()


def test_a_block_that_is_gone_counts_against_no_job(fetches: Fetches, monkeypatch) -> None:
    order = fetches.job()
    monkeypatch.setenv("PRODOPS_RUCIO_LOGS_BLOCK", "gone")
    settings.cache_clear()
    monkeypatch.setattr(sources, "read_documents", lambda _: {})
    reason = fetches.fail(**order)
    assert reason.startswith(
        "setting PRODOPS_RUCIO_LOGS_BLOCK: Prefect has no block rucio-catalog/"
    )
    assert fetches.row(order).attempts == 0


# ------------------------------------------------------------------ runs that were lost


class Killed(BaseException):
    """The run ends here, as by SIGKILL: nothing after it is done."""


def lose_a_run(fetches: Fetches, task: str, **order: object) -> None:
    """Let a run be lost at the end of one of its tasks."""
    whole = getattr(flow, task)

    def lost(*given):
        whole(*given)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, task, lost)
        with pytest.raises(Killed):
            fetches.run(**order)


@pytest.mark.parametrize("task", same(*payload_log_fetches.TASKS))
@pytest.mark.parametrize("force", same(False, True))
def test_a_run_that_was_lost_is_run_again_and_comes_out_right(
    fetches: Fetches, copies, task: str, *, force: bool
) -> None:
    order = {**fetches.job(), "force": force}
    lose_a_run(fetches, task, **order)
    copies.clear()
    give_back(fetches)
    fetches.work(fetches.claim(), **order)
    assert len(copies) == (0 if task == "publish_log" else 1)
    row = fetches.row(order)
    assert (row.state, row.rse, len(row.members), row.attempts) == ("ready", "BNL-XRD", 2, 0)
    assert len(fetches.events("payload_log_ready")) == 1
    assert fetches.left() == []


def give_back(fetches: Fetches) -> None:
    """What the worker does with the request of a lost run."""
    request = fetches.request()
    attempt = claims.Claim(request.id, request.attempts)
    with transaction(fetches.database.ops_engine) as session:
        holding.give_back(session, attempt, error="lost", delay_seconds=0)


def test_a_run_that_was_given_up_writes_nothing_more(fetches: Fetches) -> None:
    order = fetches.job()
    fetches.ask(**order)
    former = fetches.claim()
    give_back(fetches)
    with pytest.raises(ClaimLost):
        fetches.work(former, **order)
    assert fetches.events("payload_log_progress") == []


def store(fetches: Fetches) -> RequestStore:
    return RequestStore(fetches.database.ops_engine, settings().worker, "w")


def test_a_fetch_that_is_called_off_is_announced_and_its_row_says_so(fetches: Fetches) -> None:
    order = fetches.job()
    lose_a_run(fetches, "find_log", **order)
    request = fetches.request()
    holder = claims.Claim(request.id, request.attempts)
    store(fetches).conclude(holder, Ending(state=RequestState.CANCELLED, error="cancelled by me"))
    row = fetches.row(order)
    assert (row.state, row.last_error, row.attempts) == ("failed", "cancelled by me", 0)
    (failed,) = fetches.events("payload_log_failed")
    assert (failed["reason"], failed["attempts"]) == ("cancelled by me", 0)


def test_a_fetch_whose_runs_were_all_lost_has_failed_and_does_not_count_against_the_job(
    fetches: Fetches,
) -> None:
    order = fetches.job()
    lose_a_run(fetches, "find_log", **order)
    request = fetches.request()
    holder = claims.Claim(request.id, request.attempts)
    store(fetches).conclude(holder, Ending(state=RequestState.FAILED, error="lost for good"))
    assert (fetches.row(order).state, fetches.row(order).attempts) == ("failed", 0)
    assert fetches.events("payload_log_failed")[0]["attempts"] == 0


@pytest.mark.parametrize("is_cached", same(True, False))
def test_copies_of_dead_runs_are_removed_by_the_next(fetches: Fetches, *, is_cached: bool) -> None:
    order = fetches.job()
    if is_cached:
        fetches.run(**order)
    private = settings().stack.state_dir / "payload-logs" / "fetch.dead"
    public = fetches.directory(order).with_name(f"{cache.LEFT}{order['pandaid']}.dead")
    for directory in (private, public):
        directory.mkdir(parents=True)
        (directory / "log.tgz").write_bytes(b"half")
    fetches.run(**order)
    assert fetches.left() == []


# ------------------------------------------------------------------ what is known of it


def test_the_cache_can_be_read_by_everybody_and_the_copy_by_nobody(
    fetches: Fetches, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = fetches.job()
    umask = os.umask(0o077)
    seen = {}
    publish = flow.publish_log

    def looking(archive):
        seen["copy"] = archive.path.stat().st_mode & 0o777
        seen["around"] = archive.path.parent.stat().st_mode & 0o777
        return publish(archive)

    monkeypatch.setattr(flow, "publish_log", looking)
    try:
        fetches.run(**order)
    finally:
        os.umask(umask)
    assert seen == {"copy": 0o600, "around": 0o700}
    directory = fetches.directory(order)
    assert directory.stat().st_mode & 0o005 == 0o005
    assert all(each.stat().st_mode & 0o004 for each in directory.iterdir())
    assert all(each.stat().st_mode & 0o005 for each in (directory.parent, fetches.tmp_dir))


@pytest.mark.parametrize(
    "statement",
    same("UPDATE payload_log SET state = 'ready'", "DELETE FROM payload_log",
     "INSERT INTO payload_log (pandaid, state, updated_at) VALUES (1, 'ready', now())"),
)  # fmt: skip
def test_the_web_tier_reads_the_rows_and_writes_none(fetches: Fetches, statement: str) -> None:
    order = fetches.job()
    fetches.run(**order)
    with transaction(fetches.database.web_engine) as session:
        assert session.get_one(PayloadLog, order["pandaid"]).state == "ready"
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction(fetches.database.web_engine) as session,
    ):
        session.execute(text(statement))


def test_an_error_names_the_fact_and_is_a_prodops_error(fetches: Fetches) -> None:
    order = fetches.job(is_stored=False)
    with pytest.raises(ProdOpsError, match="BNL-XRD: the file is not there"):
        fetches.run(**order)
