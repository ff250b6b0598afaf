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
    ProxyIncomplete,
    ProxyMissing,
    ProxyNotYetValid,
    ProxyUnreadable,
    good_proxy,
    read_proxy,
)

NOW = datetime.now(UTC).replace(microsecond=0)
Write = Callable[..., Path]
Key = ec.EllipticCurvePrivateKey


def certificate(key: ec.EllipticCurvePrivateKey, name: str, ends_at: datetime) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1, min(ends_at, NOW) - timedelta(days=2), ends_at
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def issued(
    name: str, key: Key, *, by: tuple[str, Key], starts_at: datetime = NOW - timedelta(days=1),
    ends_at: datetime = NOW + timedelta(days=1), is_proxy: bool = True,
) -> bytes:  # fmt: skip
    """A certificate that another has made, as a proxy is by the user's."""
    issuer, maker = by
    builder = x509.CertificateBuilder(
        name_of(issuer), name_of(f"{issuer}/{name}"), key.public_key(), 2, starts_at, ends_at
    )
    if is_proxy:
        info = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"), b"0")
        builder = builder.add_extension(info, critical=True)
    return builder.sign(maker, hashes.SHA256()).public_bytes(Encoding.PEM)


def name_of(text: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, part) for part in text.split("/")]
    return x509.Name(parts)


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


def test_a_proxy_that_is_good_only_later_says_from_when(write, key):
    later = NOW + timedelta(days=1)
    user = certificate(key, "user", NOW + timedelta(days=1))
    early = issued("1", key, by=("user", key), starts_at=later, ends_at=later + timedelta(1))
    path = write(early + private(key) + user)
    with pytest.raises(ProxyNotYetValid, match=f"not valid before {later:%Y-%m-%d}") as raised:
        good_proxy(path)
    assert raised.value.at == later
    assert read_proxy(path).valid_from == later


def test_whose_certificate_of_the_chain_has_expired_is_said(write, key):
    proxy = issued("1", key, by=("user", key))
    with pytest.raises(ProxyExpired, match="by its certificate of CN=user; renew"):
        good_proxy(write(proxy + private(key) + certificate(key, "user", NOW)))


@pytest.mark.parametrize("name", ["proxy", "limited proxy", "1"])
def test_a_proxy_without_the_certificate_that_made_it_is_incomplete(write, key, name):
    user = certificate(key, "user", NOW + timedelta(days=1))
    proxy = issued(name, key, by=("user", key), is_proxy=name == "1")
    good_proxy(write(proxy + private(key) + user))
    with pytest.raises(ProxyIncomplete, match="lacks the certificate of CN=user"):
        good_proxy(write(proxy + private(key)))


def test_a_proxy_of_a_proxy_wants_both_of_their_makers(write, key):
    user = certificate(key, "user", NOW + timedelta(days=1))
    first, second = (issued("1", key, by=("user", key)), issued("2", key, by=("user/1", key)))
    good_proxy(write(second + private(key) + first + user))
    good_proxy(write(second + private(key) + user + first))
    with pytest.raises(ProxyIncomplete, match="lacks the certificate of CN=user, which"):
        good_proxy(write(second + private(key) + first))


def test_one_of_the_same_name_that_did_not_make_it_is_not_taken_for_its_maker(write, key):
    other = ec.generate_private_key(ec.SECP256R1())
    stranger = certificate(other, "user", NOW + timedelta(days=1))
    with pytest.raises(ProxyIncomplete):
        good_proxy(write(issued("1", key, by=("user", key)) + private(key) + stranger))


def test_a_user_s_own_certificate_needs_nothing_beside_it(write, key):
    user = issued("user", key, by=("authority", key), is_proxy=False)
    assert good_proxy(write(user + private(key))).subject.endswith("CN=authority")


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
