"""The check of a broker, on a real ActiveMQ."""

import pytest

from blocks.checks import find
from blocks.message_broker.check import checks
from blocks.message_broker.configuration import BrokerConfiguration
from tests.broker import Broker

pytestmark = pytest.mark.integration


def test_a_broker_that_takes_our_login_is_good(broker: Broker):
    login_file = broker.login_file()
    reached = BrokerConfiguration(host=broker.host, port=broker.port, login_file=login_file)
    found = [find(each, seconds=10) for each in checks(reached)]
    user = login_file.read_text().partition(":")[0]
    assert [each.is_good for each in found] == [True, True]
    assert found[1].text == f"{broker.host}:{broker.port} takes the login of {user}"
