"""When the broker does its work."""

from __future__ import annotations

import pytest

from deployments.sandbox.broker.access import AGENT_USER, OPS_USER
from deployments.sandbox.broker.readiness import accepts
from tests.broker import Broker

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("user", [OPS_USER, AGENT_USER])
def test_a_broker_that_lets_a_user_in_is_ready(broker, user):
    assert accepts(broker.settings, user)


def test_a_broker_that_does_not_know_the_password_is_not(broker, tmp_path):
    other = Broker(tmp_path / "state")
    sandbox = other.settings.sandbox.model_copy(update={"broker_port": broker.port})
    other.login_file().write_text("prodops:another")
    other.login_file().chmod(0o600)
    assert not accepts(other.settings.model_copy(update={"sandbox": sandbox}))


def test_a_broker_that_is_down_or_was_never_there_is_not(tmp_path):
    never = Broker(tmp_path / "state")
    assert not accepts(never.settings)
    never.login_file().write_text("prodops:any")
    never.login_file().chmod(0o600)
    assert not accepts(never.settings)
