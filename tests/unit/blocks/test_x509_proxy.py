"""What an x509 proxy's file says, and when it may not be used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from blocks.x509_proxy import (
    ProxyExpired,
    ProxyMissing,
    ProxyUnreadable,
    good_proxy,
    read_proxy,
)

NOW = datetime.now(UTC).replace(microsecond=0)
Write = Callable[..., Path]


def certificate(key: ec.EllipticCurvePrivateKey, name: str, ends_at: datetime) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1, ends_at - timedelta(days=2), ends_at
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: bytes, mode: int = 0o600) -> Path:
        path = tmp_path / "proxy.pem"
        path.write_bytes(content)
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_a_proxy_ends_with_the_first_certificate_of_its_chain(write, key):
    soon, late = NOW + timedelta(hours=1), NOW + timedelta(days=9)
    path = write(certificate(key, "proxy", late) + private(key) + certificate(key, "user", soon))
    proxy = good_proxy(path)
    assert (proxy.subject, proxy.expires_at) == ("CN=proxy", soon)


def test_an_expired_proxy_is_read_and_not_used(write, key):
    ended = NOW - timedelta(minutes=1)
    path = write(certificate(key, "proxy", ended) + private(key))
    assert read_proxy(path).expires_at == ended
    with pytest.raises(ProxyExpired, match="renew") as raised:
        good_proxy(path)
    assert raised.value.at == ended


def test_a_proxy_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(ProxyMissing, match="does not exist"):
        read_proxy(tmp_path / "none.pem")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_proxy_that_others_may_read_is_not_used(write, key, mode):
    path = write(certificate(key, "proxy", NOW + timedelta(1)) + private(key), mode)
    with pytest.raises(ProxyUnreadable, match="chmod 600"):
        read_proxy(path)


def test_a_certificate_without_its_key_is_no_proxy(write, key):
    other = ec.generate_private_key(ec.SECP256R1())
    good = certificate(key, "proxy", NOW + timedelta(1))
    with pytest.raises(ProxyUnreadable, match="no private key"):
        read_proxy(write(good))
    with pytest.raises(ProxyUnreadable, match="another certificate"):
        read_proxy(write(good + private(other)))


@pytest.mark.parametrize("content", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAA==\n"])
def test_what_is_no_pem_is_no_proxy(write, content):
    with pytest.raises(ProxyUnreadable, match="no certificate"):
        read_proxy(write(content))


def test_a_damaged_key_is_told_as_such(write, key):
    damaged = b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"
    path = write(certificate(key, "proxy", NOW + timedelta(1)) + damaged)
    with pytest.raises(ProxyUnreadable, match="key that cannot be read"):
        read_proxy(path)


def test_a_directory_is_no_proxy(tmp_path):
    with pytest.raises(ProxyUnreadable, match="cannot be read"):
        read_proxy(tmp_path)
