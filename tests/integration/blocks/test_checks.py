"""Each check of an outside service that is away says so in one line, in time."""

from pathlib import Path

import pytest

from blocks.checks import find
from blocks.message_broker import check as broker
from blocks.message_broker.configuration import BrokerConfiguration
from blocks.notification import MailRelay
from blocks.notification import check as mail
from blocks.panda_server import check as panda
from blocks.panda_server.configuration import PandaConfiguration
from blocks.pcs_service import check as pcs
from blocks.pcs_service.configuration import PcsConfiguration
from blocks.rucio_catalog import check as rucio
from blocks.rucio_catalog.configuration import RucioConfiguration
from blocks.x509_proxy import check as x509
from blocks.x509_proxy.configuration import ProxyConfiguration
from blocks.xrootd_storage import check as xrootd
from blocks.xrootd_storage.configuration import XrootdConfiguration
from tests.mail_relay import relay

pytestmark = pytest.mark.integration

SENDER = {"sender": "a@example.org", "recipients": ["b@example.org"]}


def of_all(port: int, directory: Path):
    """The checks of services of which none is there."""
    url, quick = f"http://127.0.0.1:{port}", {"timeout_seconds": 1}
    doors = XrootdConfiguration(connection_window_seconds=1, connection_retries=1)
    yield from panda.checks(PandaConfiguration(url_ssl=url, config_root=directory, **quick))
    yield from pcs.checks(PcsConfiguration(url=url, **quick))
    yield from rucio.checks(RucioConfiguration(url=url, **quick), None)
    yield from xrootd.checks(doors, [f"root://127.0.0.1:{port}"], None)
    yield from x509.checks(ProxyConfiguration(proxy_file=directory / "proxy.pem"))
    yield from broker.checks(BrokerConfiguration(host="127.0.0.1", port=port))
    yield from mail.checks(MailRelay(host="127.0.0.1", port=port, **SENDER))


def test_what_is_away_is_said_in_one_line_each(free_port, tmp_path):
    found = [find(each, seconds=10) for each in of_all(free_port, tmp_path)]
    bad = {each.what for each in found if not each.is_good}
    assert bad == {"is alive", "token", "campaigns", "ping", "whoami", "door", "proxy", "connect",
                   "EHLO"}  # fmt: skip
    assert [
        each.text for each in found if "\n" in each.text or "no answer within" in each.text
    ] == []


def test_a_relay_that_greets_is_good_and_gets_no_mail():
    with relay() as taker:
        (check,) = mail.checks(MailRelay(host="127.0.0.1", port=taker.port, **SENDER))
        assert find(check, seconds=5).text == f"127.0.0.1:{taker.port} takes EHLO"
        assert taker.mails == []
