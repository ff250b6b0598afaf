"""`prodops api`: the web tier, served by uvicorn."""

from __future__ import annotations

import gc
import resource
import socket
import sys
from typing import TYPE_CHECKING, Final

import uvicorn
from fastapi import FastAPI

from api.http.app import create_app
from blocks import tracing
from deployments.schema import await_schema
from deployments.service_manager.server import AskingServer
from deployments.stack.environment import api_url
from deployments.stack.ports import Port, check_free
from flows.common import version
from flows.common.settings import Settings

if TYPE_CHECKING:
    from blocks.trace_export import Exporting

# What is asked for again and again, and the stream, whose every event would pass one more layer.
_UNTRACED: Final = "/messages/stream/,/metrics,/api/health,/static/"
_GRACE_SECONDS: Final = 5
# The loop that serves the stream waits for threads that answer calls no longer than that.
_SWITCH_SECONDS: Final = 0.0005
_KEEP_SECONDS: Final = 75  # longer than clients and proxies keep a connection: they close it first


def run(settings: Settings) -> int:
    """Serve the API until SIGTERM; gives the process's exit code."""
    await_schema()
    version.present()  # of the code that was loaded, whatever is checked out later
    _allow_many_clients()
    sys.setswitchinterval(_SWITCH_SECONDS)
    app = create_app(settings)
    _watch(app)
    server = AskingServer(
        uvicorn.Config(
            app,
            # Whom to trust for X-Remote-User is judged by the true peer.
            proxy_headers=False,
            access_log=False,
            log_config=None,  # its log is a part's, as everything else's
            log_level="info",
            timeout_keep_alive=_KEEP_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            server_header=False,
        ),
        health_url=f"{api_url(settings)}/api/health/",
        host=next(iter(sorted(settings.api.allowed_hosts or ())), None),
    )
    with listening_socket(settings.api.host, settings.api.port) as listener:
        gc.collect()  # else one would soon hold up every client of the stream
        server.run([listener])
    return 0 if server.started else 1


def _watch(app: FastAPI) -> None:
    """Have requests and their statements traced, where traces are wanted."""

    def watching(exporting: Exporting) -> None:
        exporting.watch_app(app, excluded=_UNTRACED)
        exporting.watch_engines(app.state.engine, app.state.reserve.engine)

    tracing.watch(watching)


def listening_socket(host: str, port: int) -> socket.socket:
    """The socket that the API listens on; that of `::` takes IPv4 too, as elsewhere.

    Raises:
        PortInUse: Another process listens there.
        BadSetting: The address is none of this machine's.
    """
    check_free([Port("api", host, port, "PRODOPS_API_PORT")])
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if kind == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
    listener.bind((host, port))
    return listener


def _allow_many_clients() -> None:
    """Raise the soft limit of open files to the hard one: each client of the stream takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
