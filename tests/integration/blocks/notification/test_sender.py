"""The mail block at a relay that wants TLS and a password: kept secret, and refused in words."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from blocks.notification import Mail, MailRelay, RelayUnavailable
from blocks.notification.errors import MailRefused, RecipientsPutOff, RecipientsRefused
from tests.field_certificates import strict_contexts  # noqa: F401 - a fixture
from tests.mail_relay import Relay, free_port, relay

pytestmark = pytest.mark.integration
MAIL = Mail("a subject", "a body\n.\nwith a dot", key="k")


def certified(place: Path) -> Path:
    """A certificate of this machine with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = place / "relay.pem"
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@contextmanager
def guarded(certificate: Path) -> Iterator[Relay]:
    """A relay that takes mail over TLS, of `prodops` with the password `right`."""

    def check(_server, _session, _envelope, _mechanism, data) -> AuthResult:
        is_right = (data.login, data.password) == (b"prodops", b"right")
        return AuthResult(success=is_right, handled=False)  # the server says it

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    made = Relay(port=free_port())
    controller = Controller(
        made,
        hostname="127.0.0.1",
        port=made.port,
        tls_context=context,
        require_starttls=True,
        authenticator=check,
        auth_required=True,
    )
    controller.start()
    try:
        yield made
    finally:
        controller.stop()


@pytest.fixture
def certificate(tmp_path) -> Path:
    return certified(tmp_path)


@pytest.fixture
def taker(certificate) -> Iterator[Relay]:
    with guarded(certificate) as started:
        yield started


def block(taker: Relay, tmp_path: Path, password: str = "right", **more) -> MailRelay:
    secret = tmp_path / "password"
    secret.write_text(f"{password}\n")
    secret.chmod(0o600)
    given = {
        "host": "127.0.0.1",
        "port": taker.port,
        "sender": "prodops@example.org",
        "recipients": ["team@example.org"],
        "starttls": True,
        "username": "prodops",
        "password_file": secret,
        "timeout_seconds": 5.0,
    }
    return MailRelay(**given | more)


@pytest.mark.usefixtures("strict_contexts")
def test_the_relays_certificate_need_not_have_the_strict_form(taker, tmp_path, certificate):
    assert block(taker, tmp_path, ca_file=certificate).send(MAIL) == {}


def test_mail_goes_over_tls_with_the_password_of_the_file(taker, tmp_path, certificate):
    assert block(taker, tmp_path, ca_file=certificate).send(MAIL) == {}
    assert taker.mails[0].get_content() == "a body\r\n.\r\nwith a dot\r\n"


def test_a_wrong_password_is_refused_and_not_shown(taker, tmp_path, certificate):
    with pytest.raises(MailRefused, match="535") as refusal:
        block(taker, tmp_path, "wr0ng", ca_file=certificate).send(MAIL)
    assert "wr0ng" not in str(refusal.value)


def test_a_certificate_that_nobody_signed_is_refused(taker, tmp_path):
    with pytest.raises(MailRefused, match="bad certificate"):
        block(taker, tmp_path).send(MAIL)


def test_no_password_travels_without_tls(taker, tmp_path, monkeypatch):
    monkeypatch.setattr("blocks.notification.delivery._LOOPBACK", ())
    with pytest.raises(MailRefused, match="over TLS only"):
        block(taker, tmp_path, starttls=False).send(MAIL)


def test_a_password_that_others_may_read_is_not_used(taker, tmp_path, certificate):
    relay = block(taker, tmp_path, ca_file=certificate)
    (tmp_path / "password").chmod(0o640)
    with pytest.raises(MailRefused, match="chmod 600"):
        relay.send(MAIL)


def test_prefects_own_way_to_notify_sends_too(taker, tmp_path, certificate):
    relay = block(taker, tmp_path, ca_file=certificate)
    asyncio.run(relay.notify("a body", "a subject"))
    assert [mail["Subject"] for mail in taker.mails] == ["a subject"]


def test_a_closed_relay_is_told_as_unavailable(tmp_path):
    with pytest.raises(RelayUnavailable, match="did not answer"):
        block(Relay(port=free_port()), tmp_path).send(MAIL)


@pytest.mark.parametrize("address", ["nobody", "a@b\nBcc: c@d", "a b@example.org", ""])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(address, tmp_path):
    with pytest.raises(ValidationError):
        block(Relay(port=1), tmp_path, recipients=[address])


@pytest.mark.parametrize(
    ("answer", "error"),
    [("550 no such user", RecipientsRefused), ("452 the mailbox is full", RecipientsPutOff),
     ("421 it closes", RelayUnavailable)],
)  # fmt: skip
def test_what_is_of_the_recipients_differs_from_what_is_of_the_relay(tmp_path, answer, error):
    with relay() as taker:
        taker.refused = {"team@example.org": answer}
        sender = block(taker, tmp_path, starttls=False, username=None)
        with pytest.raises(error, match=answer) as refused:
            sender.send(MAIL)
    assert (type(refused.value), taker.mails) == (error, [])
