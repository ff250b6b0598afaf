"""What a broken connection to Rucio is called, by what TLS says of it."""

from __future__ import annotations

import ssl

import pytest
import requests

from blocks.rucio_catalog.certificates import failure_of
from blocks.rucio_catalog.errors import RucioUnauthorized, RucioUnavailable, RucioUntrusted

ORIGIN = "https://rucio.example"


def test_a_server_that_wants_a_certificate_where_none_is_used_says_so():
    alert = "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:9)"
    failure = failure_of(requests.ConnectionError(ssl.SSLError(1, alert)), ORIGIN, None)
    assert isinstance(failure, RucioUnauthorized)
    assert "rucio.example:443 wants an x509 certificate, and none is used here" in str(failure)


@pytest.mark.parametrize("text", ["Connection refused", "EOF occurred in violation of protocol"])
def test_what_says_nothing_of_a_certificate_is_an_outage(text):
    failure = failure_of(requests.ConnectionError(OSError(111, text)), ORIGIN, None)
    assert isinstance(failure, RucioUnavailable)
    assert not isinstance(failure, RucioUntrusted)
    assert str(failure).startswith(f"no answer from {ORIGIN}: ")
