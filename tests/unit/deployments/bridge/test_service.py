"""How the bridge reaches the broker: by the settings, or by their block as it is now."""

from types import SimpleNamespace

import pytest

from blocks.documents import BlockName, BlockUnusable
from deployments.bridge.service import _Service
from deployments.broker_access import access_of
from flows.common import sources
from flows.common.settings import settings

BLOCK = BlockName("message-broker", "mine")


@pytest.fixture
def access(monkeypatch):
    """The broker as a bridge with these settings would reach it, and as it reports it."""

    def reached(documents=None, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(f"PRODOPS_BUS_{name}", value)
        settings.cache_clear()
        monkeypatch.setattr(sources, "read_documents", lambda _: documents or {})
        configured = settings()
        report = SimpleNamespace(broker="")
        bridge = SimpleNamespace(_settings=configured, _bus=configured.bus, _report=report)
        return _Service._access(bridge), report.broker

    return reached


def test_without_a_block_the_settings_count(access):
    reached, reported = access(HOST="broker.test", HAS_TLS="true", CLIENT_ID="us")
    assert reached == access_of(settings().bus)
    assert reported == "broker.test:61612"


def test_a_block_counts_with_the_client_id_of_the_settings(access):
    held = {BLOCK: {"host": "block.test", "port": 1}}
    reached, reported = access(held, HOST="broker.test", BLOCK="mine", CLIENT_ID="us")
    assert (reached.host, reached.port, reached.client_id) == ("block.test", 1, "us")
    assert reported == "block.test:1"


def test_a_block_that_is_gone_is_an_outage_that_the_bridge_waits_out(access):
    with pytest.raises(BlockUnusable, match="PRODOPS_BUS_BLOCK: Prefect has no block"):
        access({}, BLOCK="mine")
    assert settings().bus.is_used
