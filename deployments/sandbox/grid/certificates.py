"""The sandbox grid's own CA, and what it signs: a host, users, and their RFC 3820 proxies."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from filelock import FileLock

from deployments.sandbox.files import write_private
from deployments.sandbox.grid.openssl_names import hash_links, signing_policy
from deployments.stack.layout import private_directory

ORGANISATION = "prodops sandbox"
USERS = ("panda", "stranger")
_CA_NAME = "CA"
_YEARS = timedelta(days=3650)
_PROXY_LIFE = timedelta(days=7)
_RENEW_BEFORE = timedelta(days=1)
_SKEW = timedelta(hours=1)
_PROXY_OID = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14")
_INHERIT_ALL = bytes.fromhex("300c300a06082b06010505071501")  # ProxyCertInfo of RFC 3820


@dataclass(frozen=True)
class Signer:
    """A certificate with its key, and the chain that follows it in a proxy's file."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key in PEM, without a password."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )


class Certificates:
    """The files of one directory (0700); every key's mode is 0600.

    Attributes:
        directory: Where they are.
        ca_dir: The CA's certificate under its hashes, with its signing policy: for X509_CERT_DIR.
        ca_file: The CA's certificate.
        host: The host's certificate.
        host_key: The host's key.
        proxy: A good proxy of the user ``panda``.
        expired_proxy: A proxy of the user ``panda`` whose time is over.
        strangers_proxy: A good proxy of a user whom neither Rucio nor the doors know.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca_dir = directory / "ca"
        self.ca_file = self.ca_dir / "ca.pem"
        self.host = directory / "host.pem"
        self.host_key = directory / "host.key"
        self.proxy = directory / "proxy-panda.pem"
        self.expired_proxy = directory / "proxy-expired.pem"
        self.strangers_proxy = directory / "proxy-stranger.pem"

    def make(self) -> None:
        """Make what is not there, and renew proxies that end soon."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_directory(self.directory)
        with FileLock(self.directory / "lock"):
            if not self._user_key(USERS[-1]).exists():
                self._make_authority()
            if _ends_soon(self.proxy) or _ends_soon(self.strangers_proxy):
                self._make_proxies()

    def make_proxy(self, path: Path, *, user: str = USERS[0], life: timedelta) -> None:
        """Write a proxy of a user; one of negative `life` ended that long ago."""
        signer = self._load_user(user)
        proxy = _proxy(signer, life)
        write_private(path, proxy.pem + proxy.key_pem + signer.pem)

    def _make_authority(self) -> None:
        authority = _authority()
        self.ca_dir.mkdir(mode=0o700, exist_ok=True)
        self.ca_file.write_bytes(authority.pem)
        for link in hash_links(authority.certificate.subject):
            (self.ca_dir / f"{link}.0").write_bytes(authority.pem)
            policy = signing_policy(subject_of(_CA_NAME), subject_of("*"))
            (self.ca_dir / f"{link}.signing_policy").write_text(policy)
        self._keep("host", _signed(authority, "localhost", is_host=True))
        for user in USERS:
            self._keep(f"user-{user}", _signed(authority, user))

    def _keep(self, name: str, signer: Signer) -> None:
        (self.directory / f"{name}.pem").write_bytes(signer.pem)
        write_private(self.directory / f"{name}.key", signer.key_pem)

    def _make_proxies(self) -> None:
        self.make_proxy(self.proxy, life=_PROXY_LIFE)
        self.make_proxy(self.expired_proxy, life=-_SKEW)
        self.make_proxy(self.strangers_proxy, user=USERS[1], life=_PROXY_LIFE)

    def _user_key(self, user: str) -> Path:
        return self.directory / f"user-{user}.key"

    def _load_user(self, user: str) -> Signer:
        certificate = x509.load_pem_x509_certificate(
            (self.directory / f"user-{user}.pem").read_bytes()
        )
        key = serialization.load_pem_private_key(self._user_key(user).read_bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{self._user_key(user)} holds no RSA key")
        return Signer(certificate, key)


def subject_of(name: str) -> str:
    """The distinguished name, in OpenSSL's old form, of what the CA signs under `name`."""
    return f"/O={ORGANISATION}/CN={name}"


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, serial: int, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(min(datetime.now(UTC), until) - _SKEW)
        .not_valid_after(until)
    )


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, key_encipherment=not is_authority, content_commitment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=is_authority,
        crl_sign=is_authority, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _authority() -> Signer:
    key, name = _key(), _name(_CA_NAME)
    until = datetime.now(UTC) + _YEARS
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _builder(name, name, key, x509.random_serial_number(), until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
        .add_extension(identifier, critical=False)
    )
    return Signer(builder.sign(key, hashes.SHA256()), key)


def _signed(authority: Signer, common_name: str, *, is_host: bool = False) -> Signer:
    key = _key()
    issuer = authority.certificate
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH] + [ExtendedKeyUsageOID.SERVER_AUTH] * is_host
    builder = (
        _builder(
            _name(common_name), issuer.subject, key, x509.random_serial_number(),
            issuer.not_valid_after_utc,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(_issued_by(authority), critical=False)
    )  # fmt: skip
    if is_host:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Signer(builder.sign(authority.key, hashes.SHA256()), key)


def _issued_by(signer: Signer) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())


def _proxy(signer: Signer, life: timedelta) -> Signer:
    key, owner = _key(), signer.certificate.subject
    serial = x509.random_serial_number() >> 128  # RFC 3820: the added CN, a short number
    subject = x509.Name([*owner, x509.NameAttribute(NameOID.COMMON_NAME, str(serial))])
    builder = (
        _builder(subject, owner, key, serial, datetime.now(UTC) + life)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(_issued_by(signer), critical=False)
        .add_extension(x509.UnrecognizedExtension(_PROXY_OID, _INHERIT_ALL), critical=True)
    )
    return Signer(builder.sign(signer.key, hashes.SHA256()), key)


def _ends_soon(path: Path) -> bool:
    if not path.exists():
        return True
    proxy = x509.load_pem_x509_certificate(path.read_bytes())
    return proxy.not_valid_after_utc < datetime.now(UTC) + _RENEW_BEFORE
