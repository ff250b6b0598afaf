"""An answer of a Rucio server: what its status means, and its rows as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from requests import Response
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from blocks.rucio_catalog.deadline import Deadline
from blocks.rucio_catalog.errors import RucioRefused, RucioUnauthorized, RucioUnavailable

BROKEN = (RequestException, HTTPError, OSError)
"""What a connection that breaks raises, in requests, urllib3 and the socket itself."""

_CHUNK_BYTES = 1 << 16
_LONGEST_DETAIL = 300
_SERVER_ERROR = 500
_LATER_STATUS = (408, 425, 429)
_REFUSED_BY_500 = frozenset({"InvalidObject"})  # Rucio's own slip, in ``bulkmeta``
_TOKEN_STATUS = (401, 403)


class RucioAnswer:
    """An answer whose body has not been read; it has the attributes that rucio-clients looks at."""

    def __init__(self, response: Response, deadline: Deadline) -> None:
        self.status_code = response.status_code
        self.headers: Mapping[str, str] = response.headers
        """Their names know no case."""
        self._response = response
        self._deadline = deadline
        deadline.guard(response)

    @property
    def content(self) -> bytes:
        """The whole body; raises as :meth:`rows`."""
        return self.read()

    def read(self) -> bytes:
        """Read the whole body, and free the connection; raises as :meth:`rows`."""
        try:
            return self._response.content
        except BROKEN as error:
            raise self._broken(error) from error
        finally:
            self.close()

    @property
    def text(self) -> str:
        """The whole body as text; raises as :meth:`rows`."""
        return self.content.decode("utf-8", "replace")

    def close(self) -> None:
        """Give the connection back, or up."""
        self._deadline.release()
        self._response.close()

    def rows(self) -> Iterator[Any]:
        """The rows as they come: a JSON value each line.

        Raises:
            RucioUnavailable: The body breaks off, takes too long or is no JSON. Rows that came
                before are no proof of those that should have followed: the status was 200.
        """
        try:
            for line in self._lines():
                yield json.loads(line)
        except BROKEN as error:
            raise self._broken(error) from error
        except ValueError as error:
            raise RucioUnavailable(f"Rucio gave something that is no JSON: {error}") from error
        finally:
            self.close()

    def require_success(self) -> None:
        """Raise what the status means unless it is 2xx.

        Raises:
            RucioUnauthorized: 401 or 403.
            RucioUnavailable: 5xx that is not about the request, or a status that asks to come back.
            RucioRefused: any other, redirects included: none is followed.
        """
        status = self.status_code
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's class of success
            return
        name, detail = self._told()
        is_refusal = name in _REFUSED_BY_500
        if (status >= _SERVER_ERROR or status in _LATER_STATUS) and not is_refusal:
            raise RucioUnavailable(f"Rucio cannot answer (HTTP {status}): {detail}")
        if status in _TOKEN_STATUS:
            raise RucioUnauthorized(detail)
        raise RucioRefused(status, detail, exception_class=name)

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        for chunk in self._response.iter_content(_CHUNK_BYTES):
            self._deadline.check()
            *lines, rest = (rest + chunk).split(b"\n")
            yield from filter(None, lines)
        self._deadline.check()  # a body without a length seems to end when it is cut
        if rest:
            yield rest

    def _told(self) -> tuple[str, str]:
        """Rucio's word for what is wrong, and all that it says."""
        if "location" in self.headers:
            self.close()
            return "", f"redirects to {self.headers['location']}"
        content = self.content
        try:
            body = json.loads(content)
            name, message = str(body["ExceptionClass"]), str(body["ExceptionMessage"])
        except (ValueError, KeyError, TypeError):
            name = self.headers.get("ExceptionClass", "")
            message = self.headers.get("ExceptionMessage", content.decode("utf-8", "replace"))
        return name, _one_line(f"{name}: {message}").removeprefix(": ")

    def _broken(self, error: BaseException) -> RucioUnavailable:
        self._deadline.check()
        return RucioUnavailable(f"Rucio's answer broke off: {reason_of(error)}")


def reason_of(error: BaseException) -> str:
    """One line of why a connection failed, without the layers that pass it on."""
    while isinstance(inner := _inner(error), BaseException):
        error = inner
    return _one_line(str(error)).rpartition("): ")[2] or type(error).__name__


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_DETAIL]


def _inner(error: BaseException) -> object:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    return next((part for part in error.args if isinstance(part, BaseException)), None)
