"""When a part is ready: its health address answers 200, or its work is done."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 2.0


def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
