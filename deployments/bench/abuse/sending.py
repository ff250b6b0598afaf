"""Sends bad requests as bytes, several at a time.

By hand, since no HTTP client sends what is no HTTP: doubled lengths, odd names of headers.
"""

from __future__ import annotations

import gzip
import http.client
import socket
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from deployments.bench.abuse.callers import Sender
from deployments.bench.abuse.inputs import CREDENTIALS, HOST, LENGTH, HttpInput

AT_A_TIME: Final = 6
_SECONDS: Final = 45.0  # longer than a statement of the web tier may take
_MOST_BYTES: Final = 4 << 20
_STREAM: Final = "text/event-stream"


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: The status; 0: the connection ended, or nothing came in time.
        headers: The headers.
        body: The body, of a long one its first part.
        problem: Why there is no status.
        is_late: Whether the time for it is over, and the connection still stands.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    problem: str = ""
    is_late: bool = False

    @property
    def text(self) -> str:
        """All of it."""
        headers = "\n".join(f"{name}: {value}" for name, value in self.headers)
        return f"{headers}\n\n{self.body.decode('utf-8', 'replace')}"


def send_all(
    api_url: str, sender: Sender, inputs: Iterable[HttpInput]
) -> Iterator[tuple[HttpInput, Answer]]:
    """Send requests in one caller's name; gives each with its answer, in order."""
    given = list(inputs)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        answers = pool.map(lambda each: send(api_url, sender, each), given)
        yield from zip(given, answers, strict=True)


def send(api_url: str, sender: Sender, given: HttpInput) -> Answer:
    """Send one request on a connection of its own."""
    url = urlsplit(api_url)
    address = (url.hostname or "", url.port or 80)
    try:
        with socket.create_connection(address, timeout=_SECONDS) as connection:
            # A server may refuse what it has read so far, and close; its answer is there.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(as_bytes(given, sender, url.netloc, url.path))
                if given.is_cut:
                    connection.shutdown(socket.SHUT_WR)
            return _read(connection, given.method)
    except TimeoutError:
        return Answer(0, problem=f"nothing came in {_SECONDS:g} s", is_late=True)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, problem=f"{type(error).__name__}: {error}")


def as_bytes(given: HttpInput, sender: Sender, host: str, prefix: str = "") -> bytes:
    """The request as it goes over the connection."""
    headers = list(given.headers)
    if HOST not in given.without:
        headers.insert(0, ("Host", host))
    if CREDENTIALS not in given.without:
        headers += sender.headers
    if LENGTH not in given.without:
        headers.append(("Content-Length", str(len(given.body))))
    headers.append(("Connection", "close"))
    target = prefix + given.target if given.target.startswith("/") else given.target
    lines = [f"{given.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass") + given.body


def _read(connection: socket.socket, method: str) -> Answer:
    response = http.client.HTTPResponse(connection, method=method if method.isalpha() else None)
    try:
        response.begin()
        headers = tuple(response.getheaders())
        is_stream = _STREAM in response.headers.get("content-type", "")
        body = response.read1(_MOST_BYTES) if is_stream else response.read(_MOST_BYTES)
    finally:
        response.close()
    return Answer(response.status, headers, _inflated(body, response.headers))


def _inflated(body: bytes, headers: http.client.HTTPMessage) -> bytes:
    if headers.get("content-encoding") != "gzip":
        return body
    with suppress(OSError, EOFError, zlib.error):
        return gzip.decompress(body)
    return body
