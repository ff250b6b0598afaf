"""Payload logs at a monitor of ours: asked for, looked at, read."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from blocks.monitor_api.client import MonitorApi
from blocks.monitor_api.errors import (
    MonitorUnavailable,
    RequestRefused,
    TokenRefused,
    check_answer,
)

_LOGS: Final = "/api/payload-logs/"
_NOT_FOUND: Final = 404
_OK: Final = 200
_CHUNK_BYTES: Final = 256 * 1024

Form = TypeVar("Form", bound=BaseModel)


class LogMember(BaseModel):
    """A file of a log."""

    model_config = ConfigDict(frozen=True)

    name: str
    size_bytes: int


class PayloadLogState(BaseModel):
    """How a job's log stands; `members` can be read now, whatever the state."""

    model_config = ConfigDict(frozen=True, extra="allow")

    pandaid: int
    state: str
    step_number: int = 0
    steps: int = 6
    step_text: str = ""
    request_id: int | None = None
    attempts: int = 0
    max_attempts: int = 3
    last_error: str | None = None
    is_cached: bool = False
    version: str | None = None
    members: tuple[LogMember, ...] = ()


class RequestState(BaseModel):
    """How a request stands."""

    model_config = ConfigDict(frozen=True)

    id: int
    state: str
    error: str | None = None
    successor_id: int | None = None


class PayloadLogApi:
    """The payload logs of the monitor at one address, with one token.

    Every method raises TokenRefused (401, 403), RequestRefused (another 4xx, or an answer that is
    not of its form) or MonitorUnavailable (no answer, 5xx).
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout_seconds: float = 30.0
    ) -> None:
        """Make the client; nothing is connected yet.

        Raises:
            BadMonitorAddress: `url` is no http or https URL.
            TokenRefused: `token` cannot be sent in a header.
        """
        with MonitorApi(url, token) as checked:
            self._url = checked.url
        headers = {"Authorization": f"Token {token}"} if token else {}
        self._client = httpx.Client(headers=headers, timeout=timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def ask(self, pandaid: int, *, force: bool = False) -> RequestState:
        """Have the log fetched; a fetch that is under way is joined."""
        told = self._json("POST", _LOGS, json={"pandaid": pandaid, "force": force})
        return _formed(RequestState, {**told, "id": told.get("request_id")})

    def log(self, pandaid: int) -> PayloadLogState | None:
        """How the log of a job stands; None where nobody has asked for it."""
        try:
            return _formed(PayloadLogState, self._json("GET", f"{_LOGS}{pandaid}/"))
        except RequestRefused as refusal:
            if refusal.status == _NOT_FOUND and not isinstance(refusal, TokenRefused):
                return None
            raise

    def request(self, request_id: int) -> RequestState:
        """How a request stands."""
        return _formed(RequestState, self._json("GET", f"/api/requests/{request_id}/"))

    def member(self, log: PayloadLogState, name: str) -> Iterator[bytes]:
        """The bytes of a member, as they come."""
        path = f"{self._url}{_LOGS}{log.pandaid}/members/{quote(name, safe='')}"
        asked = {"version": log.version or ""}
        try:
            with self._client.stream("GET", path, params=asked) as response:
                if not response.is_success:
                    response.read()
                    check_answer(response)
                yield from response.iter_bytes(_CHUNK_BYTES)
        except httpx.RequestError as error:
            raise self._away(error) from error

    def _json(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        try:
            response = self._client.request(method, self._url + path, **parts)
        except httpx.RequestError as error:
            raise self._away(error) from error
        check_answer(response)
        try:
            told = response.json()
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise RequestRefused(response.status_code, f"{response.url} gave no JSON object")
        return told

    def _away(self, error: httpx.RequestError) -> MonitorUnavailable:
        return MonitorUnavailable(
            f"no answer from {self._url}: {str(error) or type(error).__name__}"
        )


def _formed(form: type[Form], told: dict[str, Any]) -> Form:
    try:
        return form.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RequestRefused(_OK, f"an answer of another form: {place}: {first['msg']}") from None
