"""An x509 proxy (or certificate) in a file: whose it is, until when, and whether it may be used."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from blocks.errors import ProdOpsError

_MOST_BYTES = 1 << 20
_KEY_ENDS = tuple(
    (b"-----BEGIN %bPRIVATE KEY-----" % kind, b"-----END %bPRIVATE KEY-----" % kind)
    for kind in (b"", b"RSA ", b"EC ")
)


class ProxyUnusable(ProdOpsError):
    """The proxy cannot be shown to anybody."""

    def __init__(self, path: Path, fact: str) -> None:
        super().__init__(f"the proxy {path} {fact}")


class ProxyMissing(ProxyUnusable):
    """There is no such file."""


class ProxyUnreadable(ProxyUnusable):
    """The file is no proxy: no PEM, no key or a foreign one, or others may read it."""


class ProxyExpired(ProxyUnusable):
    """The proxy, or a certificate of its chain, is no longer good.

    Attributes:
        at: aware time of expiry.
    """

    def __init__(self, path: Path, at: datetime) -> None:
        super().__init__(path, f"expired at {at:%Y-%m-%d %H:%M:%S} UTC; renew it")
        self.at = at


@dataclass(frozen=True)
class Proxy:
    """A proxy as its file holds it.

    Attributes:
        subject: distinguished name of the first certificate (RFC 4514).
        expires_at: when the first of the chain's certificates expires.
    """

    path: Path
    subject: str
    expires_at: datetime


def read_proxy(path: Path) -> Proxy:
    """Read a proxy: its certificate, its key and its chain, in PEM.

    An expired one is read too: see :func:`good_proxy`.

    Raises:
        ProxyMissing: There is no file.
        ProxyUnreadable: It is no proxy, or others than its owner may read it.
    """
    content = _private_content(path)
    try:
        chain = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise ProxyUnreadable(path, "holds no certificate in PEM") from error
    if _encoded(chain[0].public_key()) != _encoded(_key(path, content)):
        raise ProxyUnreadable(path, "holds the key of another certificate")
    expires_at = min(certificate.not_valid_after_utc for certificate in chain)
    return Proxy(path, chain[0].subject.rfc4514_string(), expires_at)


def good_proxy(path: Path) -> Proxy:
    """Read a proxy that is good now.

    Raises:
        ProxyMissing, ProxyUnreadable, ProxyExpired: It is none.
    """
    proxy = read_proxy(path)
    if proxy.expires_at <= datetime.now(UTC):
        raise ProxyExpired(path, proxy.expires_at)
    return proxy


def _private_content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_MOST_BYTES)
    except FileNotFoundError:
        raise ProxyMissing(path, "does not exist") from None
    except OSError as error:
        raise ProxyUnreadable(path, f"cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ProxyUnreadable(path, f"may be read by others (mode {mode:04o}): chmod 600")
    return content


def _key(path: Path, content: bytes) -> PublicKeyTypes:
    """The public half of the private key in the file."""
    for begin, end in _KEY_ENDS:
        _, found, rest = content.partition(begin)
        if found:
            body, _, _ = rest.partition(end)
            try:
                # Whether its numbers are primes costs 50 ms, and the owner of the file knows.
                key = load_pem_private_key(
                    begin + body + end + b"\n", None, unsafe_skip_rsa_key_validation=True
                )
                return key.public_key()
            except (TypeError, ValueError) as error:
                raise ProxyUnreadable(path, "holds a key that cannot be read") from error
    raise ProxyUnreadable(path, "holds no private key")


def _encoded(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
