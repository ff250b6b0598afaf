"""Certificates as the grid and laboratories have them, which Python 3.13's strict form refuses."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3.connection
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from blocks.rucio_catalog import connection
from deployments.sandbox.grid.openssl_names import hash_links

_NOW = datetime.now(UTC)


@dataclass(frozen=True)
class FieldCertificates:
    """An authority without key usage or key identifier, and a host of which it signed.

    The authority also stands in a directory, as ``openssl rehash`` leaves it.
    """

    directory: Path
    authority: Path
    host: Path


def field_certificates(place: Path) -> FieldCertificates:
    """Make them: for 127.0.0.1 and the name `localhost`; the host's key is in its file."""
    key, host_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = x509.BasicConstraints(ca=True, path_length=None)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    authority = _certificate("authority", key, ca).sign(key, hashes.SHA256())
    host = _certificate("host", host_key, names).sign(key, hashes.SHA256())
    made = FieldCertificates(place, place / "authority.pem", place / "host.pem")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for link in hash_links(authority.subject):
        (place / f"{link}.0").symlink_to(made.authority)
    secret = host_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    made.host.write_bytes(host.public_bytes(serialization.Encoding.PEM) + secret)
    return made


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name("authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOW - timedelta(hours=1))
        .not_valid_after(_NOW + timedelta(days=1))
        .add_extension(extension, critical=False)
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


@pytest.fixture
def strict_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python and urllib3 make their contexts as on Python 3.13, on any."""
    for module, name in (
        (ssl, "create_default_context"),
        (connection, "create_urllib3_context"),
        (urllib3.connection, "create_urllib3_context"),
    ):
        monkeypatch.setattr(module, name, _strict(getattr(module, name)))


def _strict(make: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    def made(*args: Any, **more: Any) -> ssl.SSLContext:
        context = make(*args, **more)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    return made
