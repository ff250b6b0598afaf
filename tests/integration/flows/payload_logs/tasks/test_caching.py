"""The cache of payload logs is kept to its age and size, without touching what is being fetched."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from flows.common import claiming, claims, requests
from flows.common.actions import Nothing
from flows.common.callers import on_ops_side
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.models import Request
from flows.common.run import PartsFailed
from flows.common.settings import settings
from flows.payload_logs import cache, flow
from flows.payload_logs.actions import PRUNE_PAYLOAD_LOGS
from flows.payload_logs.models import LogState, PayloadLog
from tests.databases import Database

pytestmark = pytest.mark.integration

TASK = 4711


@pytest.fixture
def tmp_dir(database: Database, monkeypatch, tmp_path: Path) -> Path:
    changed = {
        "PRODOPS_TMP_DIR": tmp_path / "public", "PRODOPS_STATE_DIR": tmp_path / "state",
        "PRODOPS_PAYLOAD_LOGS_CACHE_DAYS": 30, "PRODOPS_PAYLOAD_LOGS_CACHE_BYTES": 10_000,
    }  # fmt: skip
    for name, value in changed.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(flow, "prune_cache", flow.prune_cache.fn)
    settings.cache_clear()
    return tmp_path / "public"


Put = Callable[..., Path]


@pytest.fixture
def put(database: Database, tmp_dir: Path) -> Put:
    """Puts a log of some age and size into the cache, with its row where it `is_known`."""

    def make(pandaid: int, *, days: float, size: int = 100, **row: Any) -> Path:
        directory = cache.directory_of(tmp_dir, TASK, pandaid)
        directory.mkdir(parents=True)
        (directory / "payload.stdout").write_bytes(bytes(size))
        (directory / ".done").write_text("payload.stdout\n")
        moment = (now() - timedelta(days=days)).timestamp()
        os.utime(directory / ".done", (moment, moment))
        if row.pop("is_known", True):
            values = {"state": LogState.READY, "jeditaskid": TASK, **row}
            with transaction(database.ops_engine) as session:
                session.add(PayloadLog(pandaid=pandaid, **values))
        return directory

    return make


@pytest.fixture
def pruned(database: Database, tmp_dir: Path) -> Callable[[], Request]:
    """Does what the worker does with a request to prune; gives it as it has ended."""

    def pruned() -> Request:
        with transaction(database.ops_engine) as session:
            requests.accept(
                session, PRUNE_PAYLOAD_LOGS, Nothing(), caller=on_ops_side("me"), source="rest"
            )
        with transaction(database.ops_engine) as session:
            (claimed,) = claiming.claim(session, worker="w", limit=1, lease_seconds=60)
        claims.hold(Claim(claimed.id, claimed.attempts))
        try:
            with suppress(PartsFailed):
                flow.prune_payload_logs.fn()
        finally:
            claims.hold(None)
        with transaction(database.ops_engine) as session:
            return requests.get(session, claimed.id)

    return pruned


@pytest.fixture
def prune(pruned: Callable[[], Request]) -> Callable[[], Any]:
    """Prunes without a failure; gives the result."""

    def well() -> Any:
        ended = pruned()
        assert (ended.state, ended.error) == ("completed", None)
        return ended.result

    return well


@pytest.fixture
def prune_badly(pruned: Callable[[], Request]) -> Callable[[], Request]:
    """Prunes with a failure; gives the request."""

    def badly() -> Request:
        ended = pruned()
        assert ended.state == "failed"
        return ended

    return badly


def state(database: Database, pandaid: int) -> str:
    with transaction(database.ops_engine) as session:
        return session.get_one(PayloadLog, pandaid).state


def test_a_log_goes_when_it_is_too_old_and_its_row_says_so(database, put, prune):
    old, young = put(1, days=31), put(2, days=29)
    assert prune()["deleted"] == 1
    assert (old.exists(), young.exists()) == (False, True)
    assert (state(database, 1), state(database, 2)) == ("pruned", "ready")


def test_the_oldest_go_until_the_rest_fits(database, put, prune):
    logs = [put(number, days=number, size=4_000) for number in (1, 2, 3, 4)]
    result = prune()
    assert [each.exists() for each in logs] == [True, True, False, False]
    assert (result["deleted"], result["kept"]) == (2, 2)
    assert result["kept_bytes"] <= 10_000


def test_a_log_that_is_being_fetched_is_left(database, put, prune):
    log = put(1, days=90, state=LogState.WANTED)
    assert prune()["deleted"] == 0
    assert log.exists()
    a_while_ago: datetime = now() - timedelta(days=2)
    with transaction(database.ops_engine) as session:
        session.execute(update(PayloadLog).values(updated_at=a_while_ago))
    assert prune()["deleted"] == 1


def test_what_no_row_knows_goes_with_its_age_too(database, put, prune):
    old, young = put(1, days=31, is_known=False), put(2, days=1, is_known=False)
    prune()
    assert (old.exists(), young.exists()) == (False, True)


def test_what_dead_runs_left_goes_and_what_is_not_ours_stays(put, tmp_dir, prune):
    log = put(1, days=1)
    left = log.with_name(f"{cache.LEFT}1.dead")
    left.mkdir()
    other = tmp_dir / "panda-logs" / "notes.txt"
    other.write_text("mine")
    prune()
    assert (left.exists(), other.exists(), log.exists()) == (False, True, True)


def test_an_empty_cache_and_none_at_all_are_fine(prune):
    assert prune() == {"deleted": 0, "deleted_bytes": 0, "kept": 0, "kept_bytes": 0}


def test_a_log_that_cannot_be_deleted_keeps_no_other_and_is_named(put, prune_badly, monkeypatch):
    stuck, old = put(1, days=60), put(2, days=40)
    take_away = cache.take_away

    def taking(directory: Path) -> None:
        if directory == stuck:
            raise OSError(errno.EBUSY, "Device or resource busy")
        take_away(directory)

    monkeypatch.setattr(cache, "take_away", taking)
    ended = prune_badly()
    assert (stuck.exists(), old.exists()) == (True, False)
    assert ended.error == f"{stuck}: Device or resource busy"
    assert (ended.result["deleted"], ended.result["kept"]) == (1, 1)


@pytest.mark.parametrize("place", ["a log", "a task", "what a dead run left"])
def test_a_directory_that_cannot_be_read_keeps_no_other_and_is_named(
    tmp_dir, put, prune_badly, monkeypatch, place
):
    old = put(2, days=40)
    bad = {
        "a log": put(1, days=40), "a task": tmp_dir / "panda-logs" / "9999",
        "what a dead run left": old.with_name(f"{cache.LEFT}1.dead"),
    }[place]  # fmt: skip
    bad.mkdir(exist_ok=True)
    broken(monkeypatch, bad)
    ended = prune_badly()
    assert not old.exists()
    assert str(bad) in ended.error
    assert ended.error.endswith("Input/output error")


def broken(monkeypatch, directory: Path) -> None:
    """Let the directory be one that the disk no longer reads."""

    def failing(function: Callable[..., Any]) -> Callable[..., Any]:
        def fail(path: Any, *args: Any, **more: Any) -> Any:
            if Path(path) == directory:
                raise OSError(errno.EIO, "Input/output error")
            return function(path, *args, **more)

        return fail

    monkeypatch.setattr(Path, "iterdir", failing(Path.iterdir))
    monkeypatch.setattr("shutil.rmtree", failing(shutil.rmtree))
