"""Client of a monitor's REST API: messages in, runs and stream out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import tenacity

from blocks.back_off import BackOff
from blocks.closing import Closing
from blocks.monitor_api.errors import (
    BadMonitorAddress,
    MessageRefused,
    MonitorUnavailable,
    RequestRefused,
    TokenRefused,
    check_answer,
    fields_of,
)
from blocks.monitor_api.stream import EventStream, StreamFilter
from blocks.tls import trust

MESSAGES = "/api/messages/"
RUNS = "/api/runs/"
STREAM_PATH = "/api/messages/stream/"
STREAM_STATUS = "/api/messages/stream/status/"
FIRST_RUN_NUMBER = 100_010


class Connection(Closing):
    """Connections to a monitor at one address, with one token; closed by :meth:`close`."""

    def __init__(
        self, url: str, token: str | None = None, *, timeout_seconds: float = 60.0
    ) -> None:
        """Make the client; nothing is connected yet.

        Raises:
            BadMonitorAddress: ``url`` is no http or https URL.
            TokenRefused: ``token`` cannot be sent in a header.
        """
        self.url = _address(url)
        self._client = httpx.Client(
            headers=_authorization(token),
            timeout=timeout_seconds,
            verify=trust(self.url),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=100),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _exchange(self, method: str, path: str, **parts: Any) -> httpx.Response:
        with self._reached():
            return self._client.request(method, self.url + path, **parts)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Give a lost connection as MonitorUnavailable."""
        try:
            yield
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
            raise MonitorUnavailable(f"no answer from {self.url}: {reason}") from error


class MonitorApi(Connection):
    """A monitor at one address, with one token; its methods may be called from many threads.

    What fails for a moment (no connection, 5xx) is tried again, ``attempts`` times in all: the
    monitor takes a message that it already has for the same one. A refusal is never tried again.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout_seconds: float = 10.0,
        attempts: int = 8,
        back_off: BackOff | None = None,
    ) -> None:
        """Make the client, as :class:`Connection` does."""
        super().__init__(url, token, timeout_seconds=timeout_seconds)
        pauses = back_off or BackOff(first_seconds=0.3, longest_seconds=5.0)
        self._retries = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(attempts),
            wait=lambda state: pauses.pause_seconds(state.attempt_number),
            retry=tenacity.retry_if_exception_type(MonitorUnavailable),
            reraise=True,
        )

    def send(self, message: dict[str, Any]) -> dict[str, Any]:
        """Hand in one message, a JSON object with a ``msg_type``; return the monitor's answer.

        Raises:
            TokenRefused: 401 or 403.
            MessageRefused: another 4xx; its ``fields`` say what is wrong with which field.
            MonitorUnavailable: no answer, or 5xx, at every attempt.
        """
        answer = self._retries(self._post, message)
        return answer if isinstance(answer, dict) else {}

    def next_run_number(self) -> int:
        """Give the run number after the highest that the monitor knows, at least 100010.

        Raises:
            TokenRefused, RequestRefused, MonitorUnavailable: The runs cannot be read.
        """
        runs = self._retries(self._get, RUNS)
        rows = runs if isinstance(runs, list) else []
        numbers = (row.get("run_number") for row in rows if isinstance(row, dict))
        return max([FIRST_RUN_NUMBER, *(n + 1 for n in numbers if isinstance(n, int))])

    def stream_status(self) -> dict[str, Any]:
        """Ask what the monitor says about its stream: ``connected_clients`` and more.

        Raises:
            TokenRefused, RequestRefused, MonitorUnavailable: It does not say.
        """
        status = self._retries(self._get, STREAM_STATUS)
        return status if isinstance(status, dict) else {}

    def follow(
        self,
        wanted: StreamFilter | None = None,
        *,
        after: int | None = None,
        report: Callable[[str], None] = lambda _line: None,
        back_off: BackOff | None = None,
        silence_seconds: float = 75.0,
    ) -> EventStream:
        """Follow the monitor's events, from ``after`` or from now on, by iterating over the result.

        Args:
            wanted: which events; default: all.
            after: number of the last event already seen.
            report: takes a line about each break, and each frame that cannot be read.
            back_off: pauses between connections.
            silence_seconds: a stream that is silent so long is dead (heartbeats come every 30 s).
        """
        return EventStream(
            self._client,
            self.url + STREAM_PATH,
            filter=wanted or StreamFilter(),
            last_id=after,
            report=report,
            back_off=back_off or BackOff(),
            silence_seconds=silence_seconds,
        )

    def _post(self, message: dict[str, Any]) -> Any:
        response = self._exchange("POST", MESSAGES, json=message)
        try:
            check_answer(response)
        except TokenRefused:
            raise
        except RequestRefused as error:
            raise MessageRefused(error.status, error.detail, fields_of(response)) from None
        return json_of(response)

    def _get(self, path: str) -> Any:
        # The original answers 406 to any other Accept.
        response = self._exchange("GET", path, headers={"Accept": "application/json"})
        check_answer(response)
        return json_of(response)


def _address(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadMonitorAddress(f"monitor address {url!r}: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadMonitorAddress(f"monitor address {url!r} is no http:// or https:// URL")
    return url.rstrip("/")


def _authorization(token: str | None) -> dict[str, str]:
    if token is None:
        return {}
    if not token.isascii() or not token.isprintable() or " " in token:
        raise TokenRefused(0, "the token holds characters that no token has")
    return {"Authorization": f"Token {token}"}


def json_of(response: httpx.Response) -> Any:
    """The JSON of an answer.

    Raises:
        RequestRefused: It holds none.
    """
    try:
        return response.json()
    except ValueError:
        raise RequestRefused(response.status_code, f"{response.url} gave no JSON") from None
