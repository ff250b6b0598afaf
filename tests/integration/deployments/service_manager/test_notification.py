"""The notifications of a process, over a real socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deployments.service_manager.notification import ServiceManager
from tests.support.service_managers import FakeSystemd, fake_systemd
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


def test_what_a_part_says_is_heard_over_a_path_and_over_an_abstract_socket(tmp_path: Path):
    for address in (str(tmp_path / "notify"), f"@prodops-test-{os.getpid()}"):
        with FakeSystemd(address) as heard:
            manager = ServiceManager.taken_from(heard.environment())
            manager.ready("runs 2 requests")
            manager.stopping("drains")
            wait_until(lambda heard=heard: len(heard.said) == 4)
            assert [(key, value) for _, key, value in heard.said] == [
                ("READY", "1"), ("STATUS", "runs 2 requests"), ("STOPPING", "1"),
                ("STATUS", "drains"),
            ]  # fmt: skip


def test_a_status_is_one_line_and_said_once(tmp_path: Path):
    with fake_systemd(tmp_path) as heard:
        manager = ServiceManager.taken_from(heard.environment())
        for text in ("waits:\nWATCHDOG=1", "waits: WATCHDOG=1", "x" * 500):
            manager.status(text)
        wait_until(lambda: len(heard.said) == 2)
        assert heard.values("STATUS") == ["waits: WATCHDOG=1", "x" * 200]


def test_whoever_waits_asks_for_time_now_and_then(tmp_path: Path):
    with fake_systemd(tmp_path) as heard:
        manager = ServiceManager.taken_from(heard.environment())
        for text in ("waits for the database", "waits for the database", "waits for Prefect"):
            manager.waits(text)
        wait_until(lambda: len(heard.said) == 4)
        assert heard.values("EXTEND_TIMEOUT_USEC") == ["60000000"] * 2


@pytest.mark.parametrize(
    ("given", "period"),
    [
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),  # another process's
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_where_it_names_nobody_else(given: dict[str, str], period):
    environment = {"NOTIFY_SOCKET": "/run/systemd/notify", "PATH": "/usr/bin", **given}
    assert ServiceManager.taken_from(environment).watchdog.period_seconds == period
    assert environment == {"PATH": "/usr/bin"}  # nothing is left for a child


def test_without_a_service_manager_nothing_is_said_and_nothing_fails():
    manager = ServiceManager.taken_from({"WATCHDOG_USEC": "3000000"})
    manager.ready("serves")
    manager.waits("waits")
    assert (manager.is_there, manager.watchdog.period_seconds) == (False, None)


@pytest.mark.parametrize("address", ["/nowhere/notify", f"/{'x' * 200}", "vsock:2:1234", "@" * 300])
def test_a_service_manager_that_cannot_be_told_is_said_once_and_hinders_nothing(address: str):
    manager = ServiceManager.taken_from({"NOTIFY_SOCKET": address})
    with capture_logs() as logs:
        manager.ready("serves")
        manager.stopping("ends")
    assert [each["event"] for each in logs] == ["the service manager cannot be told"]


def test_a_service_manager_that_does_not_read_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("deployments.service_manager.notification._SEND_SECONDS", 0.01)
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
        full.bind(address)
        manager = ServiceManager.taken_from({"NOTIFY_SOCKET": address})
        with capture_logs() as logs:
            for number in range(2000):
                manager.status(str(number))
                if logs:
                    break
    assert logs[0]["reason"] == "timed out"
