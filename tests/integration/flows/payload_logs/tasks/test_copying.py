"""Doors that are closed, stall, die or lie, Rucio or a proxy that is no good: all end in time."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from deployments.sandbox.grid.logs import ReplicaState
from flows.common.settings import settings
from tests.support.payload_logs import fetches as payload_log_fetches
from tests.support.payload_logs.archives import STDOUT, archive
from tests.support.payload_logs.fetches import Fetches
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

fetches = payload_log_fetches.fetches
BOTH = ("BNL-XRD", "EIC-XRD")
LARGE_BYTES = 120_000_000


@pytest.fixture(scope="module")
def large() -> bytes:
    """An archive that takes a while to copy."""
    return archive({"payload.stdout": os.urandom(LARGE_BYTES)}, level=0)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


@contextmanager
def in_the_middle(happens: Callable[[], None]) -> Iterator[list[int]]:
    """Let something happen while a copy is under way; gives how many bytes had come then."""
    came: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        root = settings().stack.state_dir / "payload-logs"
        while not ended.is_set() and not came:
            sizes = [each.stat().st_size for each in root.glob("fetch.*/log.tgz")]
            if any(sizes):
                happens()
                came.extend(sizes)
            ended.wait(0.001)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield came
    finally:
        ended.set()
        watching.join()


# ------------------------------------------------------------------ replicas


def test_a_log_without_replicas_and_one_that_rucio_does_not_know_are_told_apart(fetches):
    order = fetches.job(rses={})
    assert fetches.fail(**order) == f"group.EIC:{order['lfn']} has no replicas"
    unknown = {**order, "pandaid": 17, "lfn": "group.EIC.nothing.log.tgz"}
    assert fetches.fail(**unknown) == "group.EIC:group.EIC.nothing.log.tgz is not in Rucio"


def test_replicas_that_are_not_available_are_listed_with_their_states(fetches):
    order = fetches.job(
        rses={"BNL-XRD": ReplicaState.UNAVAILABLE, "EIC-XRD": ReplicaState.BEING_DELETED}
    )
    reason = fetches.fail(**order)
    assert "that can be read here: BNL-XRD is UNAVAILABLE, by " in reason
    assert "; EIC-XRD is BEING_DELETED, by " in reason


def test_the_near_replica_is_used_where_there_are_two(fetches, monkeypatch):
    order = fetches.job(rses=BOTH)
    assert fetches.run(**order)["source"] == "BNL-XRD"
    fetches.set(monkeypatch, xrootd_local_rses="EIC-XRD,BNL-XRD")
    assert fetches.run(**order, force=True)["source"] == "EIC-XRD"


_SLOW_CONTENT = [pytest.param(it, marks=pytest.mark.slow) for it in (b"", b"other bytes!")]


@pytest.mark.parametrize("content", [b"truncated", *_SLOW_CONTENT])
def test_a_file_that_is_not_the_catalogue_s_is_no_log_and_the_second_replica_is_used(
    fetches, content
):
    order = fetches.job(rses=BOTH)
    whole = fetches.grid.door_path("BNL-XRD", order["lfn"]).read_bytes()
    damaged = content if content != b"other bytes!" else whole[:-1] + bytes([whole[-1] ^ 1])
    fetches.grid.put("BNL-XRD", order["lfn"], damaged)
    assert fetches.run(**order)["source"] == "EIC-XRD"
    assert fetches.files(order)["payload.stdout"] == STDOUT
    (told,) = [t["text"] for t in fetches.events("payload_log_progress") if "(after" in t["text"]]
    assert ("checksum" if content == b"other bytes!" else "size") in told


def test_a_wrong_checksum_or_size_everywhere_is_a_failure_that_names_each_replica(fetches):
    reason = fetches.fail(**fetches.job(rses=BOTH, adler32="00000001"))
    assert [part.partition(":")[0] for part in reason.split("; ")] == list(BOTH)
    assert reason.count("the checksum is not the catalogue's (adler32 ") == 2
    assert "the size is not" in fetches.fail(**fetches.job(size_bytes=17))


def test_a_file_that_is_empty_as_the_catalogue_says_is_no_log(fetches):
    assert "BNL-XRD: the file is empty" in fetches.fail(**fetches.job(content=b""))


def test_a_2_gb_log_is_refused_before_it_is_copied(fetches):
    reason = fetches.fail(**fetches.job(size_bytes=2 * 1024**3))
    assert reason == "the archive has 2147483648 bytes; 1073741824 are fetched"
    assert "copy" not in fetches.steps()


def test_a_2_gb_log_of_which_the_catalogue_says_otherwise_is_not_copied(fetches):
    order = fetches.job()
    with fetches.grid.door_path("BNL-XRD", order["lfn"]).open("r+b") as file:
        file.truncate(2 * 1024**3)
    with within(10):
        assert "the size is not the catalogue's (2147483648 bytes" in fetches.fail(**order)


# ------------------------------------------------------------------ doors


@pytest.mark.slow
def test_a_closed_door_is_a_failure_in_time_or_another_replica(fetches):
    one, two = fetches.job(), fetches.job(rses=BOTH)
    with fetches.grid.closed("door"):
        with within(15):
            assert fetches.fail(**one).startswith("BNL-XRD: the door is closed")
        with within(15):
            assert fetches.run(**two)["source"] == "EIC-XRD"


@pytest.mark.slow
def test_a_stalled_door_is_a_failure_in_time_or_another_replica(fetches):
    one, two = fetches.job(), fetches.job(rses=BOTH)
    with fetches.grid.stalled("door"):
        with within(15):
            assert fetches.fail(**one).startswith("BNL-XRD: the door ")
        with within(15):
            assert fetches.run(**two)["source"] == "EIC-XRD"
    assert fetches.run(**one)["source"] == "BNL-XRD"


@pytest.mark.slow
def test_a_fetch_has_one_time_for_all_its_replicas(fetches, monkeypatch):
    fetches.set(monkeypatch, payload_logs_timeout_seconds=1.5, xrootd_copy_seconds=60)
    order = fetches.job(rses=BOTH)
    with fetches.grid.stalled("door"), fetches.grid.stalled("door-open"), within(8):
        reason = fetches.fail(**order)
    assert reason.endswith("; fetch timed out after 1.5s")
    assert "EIC-XRD" not in reason


def whole(fetches: Fetches, part: str) -> list[psutil.Process]:
    process = psutil.Process(fetches.grid.pid(part))
    return [process, *process.children(recursive=True)]


@pytest.mark.slow
def test_a_door_that_stalls_in_the_middle_is_left_for_another(fetches, large):
    order = fetches.job(content=large, rses=BOTH)
    door = whole(fetches, "door")

    def stop() -> None:
        for each in door:
            each.send_signal(signal.SIGSTOP)

    try:
        with in_the_middle(stop) as came, within(20):
            assert fetches.run(**order)["source"] == "EIC-XRD"
    finally:
        for each in door:
            each.send_signal(signal.SIGCONT)
    assert 0 < came[0] < LARGE_BYTES
    assert fetches.row(order).members[0]["size_bytes"] == LARGE_BYTES
    assert fetches.left() == []


@pytest.mark.slow
def test_a_door_that_dies_in_the_middle_costs_nothing_but_time(fetches, large):
    order = fetches.job(content=large, rses=BOTH)
    with in_the_middle(lambda: os.kill(fetches.grid.pid("door"), signal.SIGKILL)) as came:
        fetches.run(**order)
    assert 0 < came[0] < LARGE_BYTES
    assert fetches.row(order).members[0]["size_bytes"] == LARGE_BYTES
    assert fetches.left() == []
    wait_until(lambda: is_open(fetches.grid.settings.sandbox.door_port))


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# ------------------------------------------------------------------ Rucio and the proxy


def test_a_rucio_that_is_down_or_stalls_is_a_failure_in_time(fetches, monkeypatch, free_port):
    order = fetches.job()
    fetches.set(monkeypatch, rucio_logs_timeout_seconds=1)
    with fetches.grid.stalled("rucio"), within(10):
        assert "no answer from" in fetches.fail(**order)
    fetches.set(monkeypatch, rucio_logs_url=f"https://localhost:{free_port}")
    assert "no answer from" in fetches.fail(**order)


def test_an_expired_a_missing_and_a_foreign_proxy_are_told_apart(fetches, monkeypatch, tmp_path):
    order = fetches.job()
    said = {}
    for proxy in (
        fetches.grid.expired_proxy, tmp_path / "nothing.pem", fetches.grid.strangers_proxy
    ):  # fmt: skip
        fetches.set(monkeypatch, rucio_logs_proxy_file=proxy)
        said[proxy.name] = fetches.fail(**order)
    expired, missing, foreign = said.values()
    assert "expired at " in expired
    assert "does not exist" in missing
    assert foreign.startswith("Rucio does not let us in")
    assert fetches.row(order).attempts == 0  # none is the job's, so that a good proxy gets it
    fetches.set(monkeypatch, rucio_logs_proxy_file=fetches.grid.proxy)
    assert fetches.run(**order)["source"] == "BNL-XRD"


def test_no_server_or_no_proxy_set_is_said_by_the_setting_s_name(fetches, monkeypatch):
    order = fetches.job()
    monkeypatch.delenv("PRODOPS_RUCIO_LOGS_PROXY_FILE")
    settings.cache_clear()
    assert "PRODOPS_RUCIO_LOGS_PROXY_FILE" in fetches.fail(**order)
    fetches.set(monkeypatch, rucio_logs_proxy_file=fetches.grid.proxy)
    monkeypatch.delenv("PRODOPS_RUCIO_LOGS_URL")
    settings.cache_clear()
    assert "PRODOPS_RUCIO_LOGS_URL" in fetches.fail(**order)


def test_a_door_that_refuses_us_is_told_from_one_that_does_not_know_us(fetches, monkeypatch):
    order = fetches.job()
    password = fetches.grid.password_file("panda")
    by_name = {"auth_type": "userpass", "username": "panda", "password_file": password}
    for name, value in by_name.items():
        monkeypatch.setenv(f"PRODOPS_RUCIO_LOGS_{name.upper()}", str(value))
    fetches.set(monkeypatch, rucio_logs_proxy_file=fetches.grid.strangers_proxy)
    assert "BNL-XRD: the door refuses the file to us" in fetches.fail(**order)
    monkeypatch.delenv("PRODOPS_RUCIO_LOGS_PROXY_FILE")
    settings.cache_clear()
    assert "BNL-XRD: no agreement with the door" in fetches.fail(**order)
