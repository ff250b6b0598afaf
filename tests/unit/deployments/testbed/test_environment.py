"""What an agent's environment holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.testbed.environment import Monitor, agent_environment, passed_on
from flows.common.settings import settings

MONITOR = Monitor(url="http://monitor/prod", token="t0ken")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRODOPS_STATE_DIR", str(tmp_path / "state"))


def made(config: Path | None = Path("/ü b/testbed.toml")) -> dict[str, str]:
    settings.cache_clear()
    return agent_environment(settings(), MONITOR, config, passed_on())


def test_originals_find_the_monitor_and_the_configuration(monkeypatch):
    monkeypatch.setenv("SWF_TESTBED_CONFIG", "relative.toml")
    environment = made()
    assert environment["SWF_TESTBED_CONFIG"] == "/ü b/testbed.toml"
    assert environment["SWF_MONITOR_URL"] == environment["SWF_MONITOR_HTTP_URL"] == MONITOR.url
    assert (environment["SWF_API_TOKEN"], bool(environment["VIRTUAL_ENV"])) == ("t0ken", True)
    assert "ACTIVEMQ_HOST" not in environment


def test_the_controller_knows_no_configuration(monkeypatch):
    monkeypatch.setenv("SWF_TESTBED_CONFIG", "relative.toml")
    assert not [name for name in made(None) if name.endswith("TESTBED_CONFIG")]


def test_originals_find_the_broker_by_what_prodops_is_told(tmp_path, monkeypatch):
    login = tmp_path / "login"
    login.write_text("admin:secret")
    login.chmod(0o600)
    monkeypatch.setenv("PRODOPS_BUS_HOST", "broker")
    monkeypatch.setenv("PRODOPS_BUS_LOGIN_FILE", "login")
    environment = made()
    names = ("ACTIVEMQ_HOST", "ACTIVEMQ_PORT", "ACTIVEMQ_USER", "ACTIVEMQ_PASSWORD")
    assert [environment[name] for name in names] == ["broker", "61612", "admin", "secret"]
    assert environment["PRODOPS_BUS_LOGIN_FILE"] == str(login)


def test_what_only_the_shell_has_changes_nothing(monkeypatch):
    before = made()
    monkeypatch.setenv("OLDPWD", "/elsewhere")
    monkeypatch.setenv("SHLVL", "7")
    assert made() == before
