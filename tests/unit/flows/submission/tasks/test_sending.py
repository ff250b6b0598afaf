"""What prun is started with."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from blocks.panda_server import PrunMissing
from flows.common.settings import settings
from flows.common.sources import Sources
from flows.submission.tasks import sending


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Starts prun, and gives the environment that it gets."""
    monkeypatch.setenv("PRODOPS_PANDA_URL_SSL", "https://panda.example:25443")
    settings.cache_clear()

    def start() -> dict[str, str]:
        got = {}
        ended = SimpleNamespace(returncode=0, output="", survivors=(), is_timed_out=False)
        monkeypatch.setattr(sending, "run_prun", lambda *_, **given: got.update(given) or ended)
        monkeypatch.setattr(sending, "get_run_logger", lambda: logging.getLogger("prun"))
        present = SimpleNamespace(settings=settings(), sources=Sources(settings()))
        monkeypatch.setattr(sending.run, "current", lambda: present)
        try:
            sending._run_prun(SimpleNamespace(arguments=()), tmp_path, "token")
        except PrunMissing:
            pytest.skip("panda-client is not installed")
        return got["environment"]

    return start


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "Https_Proxy"])
def test_prun_goes_outside_by_the_proxy_and_to_loopback_directly(monkeypatch, environment, name):
    monkeypatch.setenv(name, "http://proxy:3128")
    found = environment()
    assert found["https_proxy"] == found["HTTPS_PROXY"] == "http://proxy:3128"
    assert found["no_proxy"] == found["NO_PROXY"] == "localhost,127.0.0.1,::1"


def test_without_a_proxy_prun_hears_of_none(monkeypatch, environment):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    assert not [name for name in environment() if "proxy" in name.lower()]
