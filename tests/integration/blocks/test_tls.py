"""Every client reaches a server whose certificates are good but for RFC 5280's strict form."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from blocks.errors import ProdOpsError
from blocks.monitor_api import MonitorApi
from blocks.monitor_api.actions import ActionApi
from blocks.panda_server.client import PandaServer
from blocks.pcs_service import PcsService
from blocks.rucio_catalog import RucioAccess, RucioCatalog
from tests.field_certificates import (
    FieldCertificates,
    field_certificates,
    strict_contexts,  # noqa: F401 - a fixture
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("strict_contexts")]

SECONDS = 5.0


class Handler(BaseHTTPRequestHandler):
    """Notes what it is asked, and refuses it."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    do_POST = do_GET  # noqa: N815 - the base's name

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def field(tmp_path, monkeypatch) -> FieldCertificates:
    made = field_certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))  # httpx's own clients read it
    return made


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def url(field, asked) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(field.host)
    handler = type("Noting", (Handler,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def ask_panda(url: str, field: FieldCertificates) -> None:
    with PandaServer(
        url, lambda: "t", vo="EIC", timeout_seconds=SECONDS, ca=field.directory
    ) as panda:
        panda.status(1)


def ask_pcs(url: str, _: FieldCertificates) -> None:
    with PcsService(url, timeout_seconds=SECONDS) as pcs:
        pcs.task("a")


def ask_monitor(url: str, _: FieldCertificates) -> None:
    with MonitorApi(url, timeout_seconds=SECONDS, attempts=1) as monitor:
        monitor.send({})


def ask_for_an_action(url: str, _: FieldCertificates) -> None:
    with ActionApi(url, timeout_seconds=SECONDS) as monitor:
        monitor.ask("check_pipeline", {})


def ask_rucio(url: str, field: FieldCertificates) -> None:
    password = field.directory / "password"
    password.touch(0o600)
    password.write_text("secret")
    access = RucioAccess(
        url=url, account="a", password_file=password, ca_file=field.authority,
        timeout_seconds=SECONDS,
    )  # fmt: skip
    with RucioCatalog(access) as catalog:
        catalog.did("epic", "/a")


@pytest.mark.parametrize("ask", [ask_panda, ask_pcs, ask_monitor, ask_for_an_action, ask_rucio])
def test_it_is_asked(ask: Callable[..., None], url, field, asked):
    with contextlib.suppress(ProdOpsError):  # its answer is a refusal, by which it was reached
        ask(url, field)
    assert asked


def test_the_usual_context_does_not_reach_it(url, asked):
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(url)
    assert asked == []
