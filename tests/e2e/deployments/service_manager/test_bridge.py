"""What the bridge says over a real NOTIFY_SOCKET while its broker goes and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.deployments.bridge.running import Bridge, end, frail_bridge
from tests.support.service_managers import fake_systemd
from tests.waiting import wait_until

__all__ = ["frail_bridge"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow]  # a broker of its own

PERIOD_SECONDS = 15.0


def test_a_bridge_whose_broker_is_away_says_so_and_is_fed(frail_bridge: Bridge, tmp_path: Path):
    with fake_systemd(tmp_path) as systemd:
        frail_bridge.given = systemd.environment(PERIOD_SECONDS)

        def says(words: str) -> bool:
            return systemd.values("STATUS")[-1].startswith(words)

        process = frail_bridge.connected()
        assert systemd.values("READY") == ["1"]
        wait_until(lambda: says("connected"))
        for disturb, words in (
            (frail_bridge.broker.kill, "broker away"),
            (frail_bridge.broker.start, "connected"),
        ):
            disturb()
            wait_until(lambda words=words: says(words))
            for _ in range(3):
                assert systemd.feeds_within(PERIOD_SECONDS), words
        assert end(process) == 0
        assert systemd.values("STOPPING") == ["1"]
