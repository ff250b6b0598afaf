"""Fetches of payload logs with a real Rucio and real doors: what is published, kept and told."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from blocks.errors import ProdOpsError
from deployments.worker.request_store import Ending, RequestStore
from flows.common import requests
from flows.common.database import transaction
from flows.common.models import RequestState
from flows.common.requests import ClaimLost
from flows.common.settings import settings
from flows.payload_logs import cache, copying, finding, publishing
from flows.payload_logs.actions import FetchPayloadLog
from flows.payload_logs.fetching import Steps, fetch
from flows.payload_logs.models import PayloadLog
from tests import payload_log_fetches
from tests.payload_log_fetches import PILOT, STDOUT, TASK, Fetches, held

pytestmark = pytest.mark.integration

fetches = payload_log_fetches.fetches


@dataclass
class Counted:
    """The steps, with the number of copies."""

    copies: int = 0
    steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        self.steps = Steps(copy=self._copy)

    def _copy(self, located, directory):
        self.copies += 1
        return copying.copy(located, directory)


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


def test_a_fetch_tells_its_steps_in_order_and_one_final_event(fetches: Fetches) -> None:
    order = fetches.job()
    fetches.run(**order)
    assert fetches.steps() == ["look_up", "resolve", "copy", "verify", "unpack", "publish"]
    told = fetches.events("payload_log_progress")
    assert [each["step_number"] for each in told] == [1, 2, 3, 4, 5, 6]
    assert "size and checksum are the catalogue's" in told[3]["text"]
    (ready,) = fetches.events("payload_log_ready")
    assert (ready["pandaid"], ready["jeditaskid"]) == (str(order["pandaid"]), str(TASK))
    assert fetches.request().state == RequestState.COMPLETED


def test_a_log_in_the_cache_is_ready_without_a_transfer(fetches: Fetches) -> None:
    order, counted = fetches.job(), Counted()
    fetches.run(counted.steps, **order)
    fetched_at = fetches.row(order).fetched_at
    assert fetches.run(counted.steps, pandaid=order["pandaid"])["source"] == "cache"
    assert counted.copies == 1
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
    assert fetches.steps() == ["look_up"]


def test_two_callers_share_one_fetch(fetches: Fetches) -> None:
    order = fetches.job()
    assert fetches.ask(**order).id == fetches.ask(pandaid=order["pandaid"]).id
    with held(fetches.claim()):
        fetch(FetchPayloadLog(**order), Steps())
    assert len(fetches.events("payload_log_ready")) == 1


def test_force_fetches_anew(fetches: Fetches) -> None:
    order, counted = fetches.job(), Counted()
    fetches.run(counted.steps, **order)
    (fetches.directory(order) / "payload.stdout").write_text("old")
    fetches.run(counted.steps, pandaid=order["pandaid"], force=True)
    assert counted.copies == 2
    assert fetches.files(order)["payload.stdout"] == STDOUT


def test_a_forced_fetch_that_fails_leaves_the_old_log(fetches: Fetches) -> None:
    order = fetches.job()
    fetches.run(**order)
    fetches.grid.door_path("BNL-XRD", order["lfn"]).unlink()
    assert "the file is not there" in fetches.fail(**order, force=True)
    assert fetches.files(order)["payload.stdout"] == STDOUT
    assert cache.is_done(fetches.directory(order))
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


# ------------------------------------------------------------------ runs that were lost


class Killed(BaseException):
    """The run ends here, as by SIGKILL: nothing after it is done."""


def lost_after(step: str) -> Steps:
    """Steps of a run that is lost at the end of one of them."""
    whole = {"find": finding.find, "copy": copying.copy, "publish": publishing.publish}

    def lost(*given):
        whole[step](*given)
        raise Killed

    return Steps(**{step: lost})


@pytest.mark.parametrize("step", ["find", "copy", "publish"])
@pytest.mark.parametrize("force", [False, True])
def test_a_run_that_was_lost_is_run_again_and_comes_out_right(
    fetches: Fetches, step: str, *, force: bool
) -> None:
    order, counted = {**fetches.job(), "force": force}, Counted()
    with pytest.raises(Killed):
        fetches.run(lost_after(step), **order)
    give_back(fetches)
    with held(fetches.claim()):
        fetch(FetchPayloadLog(**order), counted.steps)
    assert counted.copies == (0 if step == "publish" else 1)
    row = fetches.row(order)
    assert (row.state, row.rse, len(row.members), row.attempts) == ("ready", "BNL-XRD", 2, 0)
    assert len(fetches.events("payload_log_ready")) == 1
    assert fetches.left() == []


def give_back(fetches: Fetches) -> None:
    """What the worker does with the request of a lost run."""
    request = fetches.request()
    attempt = requests.Claim(request.id, request.attempts)
    with transaction(fetches.database.ops_engine) as session:
        requests.give_back(session, attempt, error="lost", delay_seconds=0)


def test_a_run_that_was_given_up_writes_nothing_more(fetches: Fetches) -> None:
    order = fetches.job()
    fetches.ask(**order)
    former = fetches.claim()
    give_back(fetches)
    with held(former), pytest.raises(ClaimLost):
        fetch(FetchPayloadLog(**order), Steps())
    assert fetches.events("payload_log_progress") == []


def store(fetches: Fetches) -> RequestStore:
    return RequestStore(fetches.database.ops_engine, settings().worker, "w")


def test_a_fetch_that_is_called_off_is_told_and_its_row_says_so(fetches: Fetches) -> None:
    order = fetches.job()
    with pytest.raises(Killed):
        fetches.run(lost_after("find"), **order)
    request = fetches.request()
    holder = requests.Claim(request.id, request.attempts)
    store(fetches).conclude(holder, Ending(state=RequestState.CANCELLED, error="cancelled by me"))
    row = fetches.row(order)
    assert (row.state, row.last_error, row.attempts) == ("failed", "cancelled by me", 0)
    (told,) = fetches.events("payload_log_failed")
    assert (told["reason"], told["attempts"]) == ("cancelled by me", 0)


def test_a_fetch_whose_runs_were_all_lost_has_failed_once(fetches: Fetches) -> None:
    order = fetches.job()
    with pytest.raises(Killed):
        fetches.run(lost_after("find"), **order)
    request = fetches.request()
    holder = requests.Claim(request.id, request.attempts)
    store(fetches).conclude(holder, Ending(state=RequestState.FAILED, error="lost for good"))
    assert fetches.row(order).attempts == 1
    assert fetches.events("payload_log_failed")[0]["attempts"] == 1


@pytest.mark.parametrize("is_cached", [False, True])
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


def test_the_cache_can_be_read_by_everybody_and_the_copy_by_nobody(fetches: Fetches) -> None:
    order = fetches.job()
    umask = os.umask(0o077)
    seen = {}

    def looking(archive):
        seen["copy"] = archive.path.stat().st_mode & 0o777
        seen["around"] = archive.path.parent.stat().st_mode & 0o777
        return publishing.publish(archive)

    try:
        fetches.run(Steps(publish=looking), **order)
    finally:
        os.umask(umask)
    assert seen == {"copy": 0o600, "around": 0o700}
    directory = fetches.directory(order)
    assert directory.stat().st_mode & 0o005 == 0o005
    assert all(each.stat().st_mode & 0o004 for each in directory.iterdir())
    assert all(each.stat().st_mode & 0o005 for each in (directory.parent, fetches.tmp_dir))


@pytest.mark.parametrize(
    "statement",
    ["UPDATE payload_log SET state = 'ready'", "DELETE FROM payload_log",
     "INSERT INTO payload_log (pandaid, state, updated_at) VALUES (1, 'ready', now())"],
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
