"""Actions at a monitor of ours: requested, looked at; and what its lists and tables say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from blocks.monitor_api.client import MonitorApi
from blocks.monitor_api.errors import MonitorUnavailable, RequestRefused, check_answer
from blocks.tls import without_strict_form

_OPEN: Final = frozenset({"queued", "claimed", "running", "unknown"})
_OK: Final = 200

Form = TypeVar("Form", bound=BaseModel)


class ActionState(BaseModel):
    """How a request stands."""

    model_config = ConfigDict(frozen=True)

    id: int
    state: str
    result: dict[str, Any] | None = None
    error: str | None = None
    successor_id: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in _OPEN


class ActionApi:
    """The actions of the monitor at one address, with one token.

    Every method raises TokenRefused (401, 403), RequestRefused (another 4xx, or an answer that is
    not of its form) or MonitorUnavailable (no answer, 5xx).
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout_seconds: float = 60.0
    ) -> None:
        """Make the client; nothing is connected yet.

        Raises:
            BadMonitorAddress: `url` is no http or https URL.
            TokenRefused: `token` cannot be sent in a header.
        """
        with MonitorApi(url, token) as checked:
            self._url = checked.url
        headers = {"Authorization": f"Token {token}"} if token else {}
        self._client = httpx.Client(
            headers=headers,
            timeout=timeout_seconds,
            verify=without_strict_form(httpx.create_ssl_context()),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def ask(self, action: str, parameters: dict[str, Any]) -> ActionState:
        """Request an action; an open equal request is joined."""
        told = self._exchange("POST", f"/api/actions/{action}/", json=parameters)
        return formed(ActionState, {**told, "id": told.get("request_id")})

    def request(self, request_id: int) -> ActionState:
        """How a request stands."""
        return formed(ActionState, self.get(f"/api/requests/{request_id}/"))

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """The JSON object that a GET answers."""
        return self._exchange("GET", path, params=params)

    def get_all(self, path: str, **params: str) -> list[Any]:
        """The JSON array that a GET answers."""
        told = self._answer("GET", path, params=params)
        if not isinstance(told, list):
            raise RequestRefused(_OK, f"{self._url}{path} gave no JSON array")
        return told

    def _exchange(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        told = self._answer(method, path, **parts)
        if not isinstance(told, dict):
            raise RequestRefused(_OK, f"{self._url}{path} gave no JSON object")
        return told

    def _answer(self, method: str, path: str, **parts: Any) -> Any:
        with self._told():
            response = self._client.request(method, self._url + path, **parts)
        check_answer(response)
        try:
            return response.json()
        except ValueError:
            raise RequestRefused(response.status_code, f"{response.url} gave no JSON") from None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell of a monitor that does not answer."""
        try:
            yield
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
            raise MonitorUnavailable(f"no answer from {self._url}: {reason}") from error


def formed(form: type[Form], told: dict[str, Any]) -> Form:
    """An answer in its form.

    Raises:
        RequestRefused: It is not of it.
    """
    try:
        return form.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RequestRefused(_OK, f"an answer of another form: {place}: {first['msg']}") from None
