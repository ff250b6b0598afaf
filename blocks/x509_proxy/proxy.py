"""Reading a proxy, and judging whether it may be used."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from blocks.errors import ProdOpsError

_MOST_BYTES = 1 << 20
_PROXY_EXTENSIONS = (
    x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"),  # RFC 3820
    x509.ObjectIdentifier("1.3.6.1.4.1.3536.1.222"),  # its draft
)
_OLD_PROXY_NAMES = ("proxy", "limited proxy")
_KEY_ENDS = tuple(
    (b"-----BEGIN %bPRIVATE KEY-----" % kind, b"-----END %bPRIVATE KEY-----" % kind)
    for kind in (b"", b"RSA ", b"EC ")
)


class ProxyUnusable(ProdOpsError):
    """The proxy cannot be shown to anybody.

    Attributes:
        fact: what is wrong with it, without its path.
    """

    def __init__(self, path: Path, fact: str) -> None:
        super().__init__(f"the proxy {path} {fact}")
        self.fact = fact


class ProxyMissing(ProxyUnusable):
    """There is no such file."""


class ProxyUnreadable(ProxyUnusable):
    """The file is no proxy: no PEM, no key or a foreign one, or others may read it."""


class ProxyExpired(ProxyUnusable):
    """The proxy, or a certificate of its chain, is no longer good.

    Attributes:
        at: aware time of expiry.
    """

    def __init__(self, path: Path, at: datetime, whose: str = "") -> None:
        super().__init__(path, f"expired at {_time(at)}{_of(whose)}; renew it")
        self.at = at


class ProxyNotYetValid(ProxyUnusable):
    """The proxy, or a certificate of its chain, is good only later, or our clock is wrong.

    Attributes:
        at: aware time from which it is good.
    """

    def __init__(self, path: Path, at: datetime, whose: str = "") -> None:
        hint = f"now it is {_time(datetime.now(UTC))}: renew it, or set the clock"
        super().__init__(path, f"is not valid before {_time(at)}{_of(whose)}; {hint}")
        self.at = at


class ProxyIncomplete(ProxyUnusable):
    """A certificate that the proxy was made with is not in its file: nobody could verify it."""

    def __init__(self, path: Path, whose: str, issuer: str) -> None:
        lacks = f"lacks the certificate of {issuer}, which made that of {whose}"
        super().__init__(path, f"{lacks}; make it again, with its chain")


@dataclass(frozen=True)
class Proxy:
    """A proxy as its file holds it.

    Attributes:
        subject: distinguished name of the first certificate (RFC 4514).
        valid_from: from when on all the chain's certificates are good.
        expires_at: when the first of the chain's certificates expires.
        chain: the certificates in the file, its own first.
    """

    path: Path
    subject: str
    valid_from: datetime
    expires_at: datetime
    chain: tuple[x509.Certificate, ...] = field(repr=False, compare=False)


def read_proxy(path: Path) -> Proxy:
    """Read a proxy: its certificate, its key and its chain, in PEM.

    One that is expired or incomplete is read too: see :func:`good_proxy`.

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
    valid_from = max(each.not_valid_before_utc for each in chain)
    expires_at = min(each.not_valid_after_utc for each in chain)
    return Proxy(path, _name(chain[0].subject), valid_from, expires_at, tuple(chain))


def good_proxy(path: Path) -> Proxy:
    """Read a proxy that is good now.

    All of it is looked at here: a server says little of what it does not like, and some say that a
    certificate expired that is not good yet, or that they cannot verify.

    Raises:
        ProxyMissing, ProxyUnreadable, ProxyExpired, ProxyNotYetValid, ProxyIncomplete: It is none.
    """
    proxy, now = read_proxy(path), datetime.now(UTC)
    for each in proxy.chain:
        whose = "" if each is proxy.chain[0] else _name(each.subject)
        if each.not_valid_after_utc <= now:
            raise ProxyExpired(path, each.not_valid_after_utc, whose)
        if each.not_valid_before_utc > now:
            raise ProxyNotYetValid(path, each.not_valid_before_utc, whose)
    _require_chain(proxy)
    return proxy


def _require_chain(proxy: Proxy) -> None:
    """Follow the proxies to the user's own certificate, whose authority servers know.

    Raises:
        ProxyIncomplete: One on the way is not in the file.
    """
    present, others = proxy.chain[0], list(proxy.chain[1:])
    while _is_proxy(present):
        maker = next((each for each in others if _has_made(each, present)), None)
        if maker is None:
            raise ProxyIncomplete(proxy.path, _name(present.subject), _name(present.issuer))
        others.remove(maker)
        present = maker


def _is_proxy(certificate: x509.Certificate) -> bool:
    """Whether a user made it, and no authority: RFC 3820 says so, older ones by their name."""
    try:
        extensions = [each.oid for each in certificate.extensions]
    except ValueError:  # some authorities' are malformed; servers read what they need
        extensions = []
    if any(each in _PROXY_EXTENSIONS for each in extensions):
        return True
    issuer, subject = list(certificate.issuer), list(certificate.subject)
    return subject[:-1] == issuer and subject[-1].value in _OLD_PROXY_NAMES


def _has_made(maker: x509.Certificate, certificate: x509.Certificate) -> bool:
    if maker.subject != certificate.issuer:
        return False
    try:
        certificate.verify_directly_issued_by(maker)
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return True  # an old algorithm, or a name that is encoded otherwise: the server decides
    return True


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _of(whose: str) -> str:
    return f", by its certificate of {whose}" if whose else ""


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
