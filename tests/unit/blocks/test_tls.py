"""Certificates that are good but for RFC 5280's strict form pass; those of nobody known do not."""

from __future__ import annotations

import os
import shutil
import ssl
from pathlib import Path

import certifi
import pytest

from blocks.panda_server.trust import trust
from blocks.tls import trust as usual
from blocks.tls import without_strict_form
from tests.field_certificates import (
    FieldCertificates,
    field_certificates,
    strict_contexts,  # noqa: F401 - a fixture
)

pytestmark = pytest.mark.usefixtures("strict_contexts")


@pytest.fixture(scope="module")
def field(tmp_path_factory) -> FieldCertificates:
    return field_certificates(tmp_path_factory.mktemp("field"))


def shake_hands(client_context: ssl.SSLContext, host: Path, name: str = "localhost") -> None:
    """A TLS handshake in memory; raises as the client's side does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(host)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    is_done = False
    while not is_done:
        is_done = step(client)
        step(server)


def step(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def test_the_usual_context_refuses_the_fields_certificates(field):
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)key identifier|key usage"):
        shake_hands(ssl.create_default_context(cafile=field.authority), field.host)


def test_without_the_strict_form_they_pass(field):
    context = without_strict_form(ssl.create_default_context(cafile=field.authority))
    shake_hands(context, field.host)


def test_nobody_elses_certificate_passes(field, tmp_path):
    other = field_certificates(tmp_path)
    context = without_strict_form(ssl.create_default_context(cafile=other.authority))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(context, field.host)


def test_no_other_hosts_certificate_passes(field):
    context = without_strict_form(ssl.create_default_context(cafile=field.authority))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(context, field.host, "panda.example.org")


def test_pandas_context_is_without_it(tmp_path):
    assert not trust(tmp_path, "https://panda.example.org").verify_flags & ssl.VERIFY_X509_STRICT


def test_the_usual_authorities_are_read_once_until_their_file_changes(tmp_path, monkeypatch):
    file = tmp_path / "authorities.pem"
    shutil.copy(certifi.where(), file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    first = usual("https://pcs.example.org")
    assert usual("HTTPS://other.example.org") is first
    os.utime(file, ns=(1, 1))
    assert usual("https://pcs.example.org") is not first


def test_no_authority_is_read_for_an_address_without_tls():
    context = usual("http://127.0.0.1:8080")
    assert (context.get_ca_certs(), context.verify_mode) == ([], ssl.CERT_REQUIRED)
