"""Whose certificate is not good, of which host, and until when: servers with certificates that are
not, and those that do not like ours."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from blocks.rucio_catalog import RucioAccess, RucioCatalog, RucioUnauthorized
from blocks.rucio_catalog.errors import RucioRefused, RucioUnavailable, RucioUntrusted
from blocks.x509_proxy import ProxyIncomplete, ProxyNotYetValid

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
KEY = ec.generate_private_key(ec.SECP256R1())
GOOD = (NOW - DAY, NOW + DAY)
OVER = (NOW - 9 * DAY, NOW - 2 * DAY)
LATER = (NOW + 2 * DAY, NOW + 9 * DAY)
Dates = tuple[datetime, datetime]


def certificate(
    subject: str, issuer: str, dates: Dates, *, host: str = "", is_proxy: bool = False
) -> bytes:
    builder = x509.CertificateBuilder(
        name(issuer), name(subject), KEY.public_key(), x509.random_serial_number(), *dates
    )
    is_authority = issuer == subject
    ca = x509.BasicConstraints(ca=is_authority, path_length=None)
    builder = builder.add_extension(ca, critical=True)
    if host:
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        builder = builder.add_extension(names, critical=False)
    if is_proxy:
        oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14")
        inherit_all = bytes.fromhex("300c300a06082b06010505071501")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, inherit_all), critical=True)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


def name(text: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, part) for part in text.split("/")]
    return x509.Name(parts)


def private() -> bytes:
    return KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None: ...


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., int]:
    """Asks a server with such a host certificate; `clients` is the authority it knows, if any."""

    def write(file: str, content: bytes) -> Path:
        (tmp_path / file).write_bytes(content)
        (tmp_path / file).chmod(0o600)
        return tmp_path / file

    def run(
        dates: Dates = GOOD, *, host: str = "localhost", clients: bytes | None = None,
        proxy: bytes | None = None, authority: str = "authority",
    ) -> int:  # fmt: skip
        trusted = write("ca.pem", certificate("authority", "authority", GOOD))
        shown = certificate("host", authority, dates, host=host) + private()
        known = write("clients.pem", clients) if clients is not None else None
        with serve(write("host.pem", shown), known) as port:
            access = RucioAccess(
                url=f"https://localhost:{port}", account="panda", ca_file=trusted,
                timeout_seconds=5, auth_type="x509_proxy" if proxy else "userpass",
                proxy_file=write("proxy.pem", proxy) if proxy else None,
                password_file=write("password", b"secret"),
            )  # fmt: skip
            with RucioCatalog(access) as catalog:
                catalog.did("epic", "/a")
        return port

    return run


@contextmanager
def serve(host: Path, clients: Path | None) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(host)
    if clients is not None:
        # With 1.3 the client has sent its request before it is refused, and may miss the alert.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_ALLOW_PROXY_CERTS
        context.load_verify_locations(clients)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def said(ask: Callable[..., int], **more: object) -> str:
    with pytest.raises((RucioUnavailable, RucioUnauthorized)) as raised:
        ask(**more)
    return f"{type(raised.value).__name__}: {raised.value}"


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({"dates": OVER}, f"expired at {OVER[1]:%Y-%m-%d %H:%M:%S} UTC: its operators"),
        ({"dates": LATER}, f"is not valid before {LATER[0]:%Y-%m-%d %H:%M:%S} UTC; now it is"),
        ({"host": "other.example"}, "is of another host"),
        ({"authority": "stranger"}, "is made by CN=stranger, an authority that is not among"),
    ],
    ids=["expired", "not yet", "another host", "unknown authority"],
)
def test_a_host_certificate_that_is_not_good_is_said_with_its_host(ask, server, words):
    text = said(ask, **server)
    assert text.startswith("RucioUntrusted: the host certificate of localhost:")
    assert words in text
    assert "proxy" not in text


USER = certificate("user", "users", GOOD)
PROXY = certificate("user/1", "user", GOOD, is_proxy=True)
WHOLE = PROXY + private() + USER


@pytest.mark.parametrize(
    ("clients", "words"),
    [
        (certificate("users", "users", OVER), "certificate expired"),
        (certificate("others", "others", GOOD), "unknown ca"),
    ],
    ids=["expired", "unknown"],
)
def test_a_server_that_refuses_a_good_proxy_is_named_with_the_proxy_s_dates(ask, clients, words):
    text = said(ask, clients=clients, proxy=WHOLE)
    assert text.startswith("RucioUnauthorized: Rucio does not let us in: localhost:")
    assert f"proxy.pem: {words}; it is good from {GOOD[0]:%Y-%m-%d %H:%M:%S} UTC until" in text
    assert f"until {GOOD[1]:%Y-%m-%d %H:%M:%S} UTC by our clock" in text


def test_a_server_that_knows_our_authority_answers(ask):
    with pytest.raises(RucioRefused, match="404"):
        ask(clients=certificate("users", "users", GOOD), proxy=WHOLE)


def test_a_proxy_that_is_not_good_yet_or_lacks_its_chain_is_shown_to_nobody(ask):
    early = certificate("user/1", "user", LATER, is_proxy=True)
    for proxy, error in (
        (early + private() + USER, ProxyNotYetValid),
        (PROXY + private(), ProxyIncomplete),
    ):
        with pytest.raises(error):
            ask(OVER, proxy=proxy)  # or the host's would be said


def test_an_untrusted_server_is_an_outage_for_those_who_wait_for_one():
    assert issubclass(RucioUntrusted, RucioUnavailable)
