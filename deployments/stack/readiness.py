"""When a part is ready: its health address answers 200, its port listens, or its work is done."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 2.0


def answers(url: str, *, ca_file: Path | None = None) -> bool:
    """Whether a GET of `url` is answered with 200; for https, `ca_file` says who may sign."""
    parts = urlsplit(url)
    connection = _connection(parts.netloc, ca_file)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Whether a port of this machine takes connections."""
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def _connection(netloc: str, ca_file: Path | None) -> http.client.HTTPConnection:
    if ca_file is None:
        return http.client.HTTPConnection(netloc, timeout=_TIMEOUT_SECONDS)
    context = ssl.create_default_context(cafile=ca_file)
    return http.client.HTTPSConnection(netloc, timeout=_TIMEOUT_SECONDS, context=context)
