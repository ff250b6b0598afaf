"""Actions at a monitor of ours: requested, looked at; and what its lists and tables say."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from blocks.monitor_api.client import Connection, json_of
from blocks.monitor_api.errors import RequestRefused, check_answer

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
    flow_run_url: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in _OPEN


class ActionApi(Connection):
    """The actions of the monitor at one address, with one token.

    Every method raises TokenRefused (401, 403), RequestRefused (another 4xx, or an answer that is
    not of its form) or MonitorUnavailable (no answer, 5xx).
    """

    def ask(self, action: str, parameters: dict[str, Any]) -> ActionState:
        """Request an action; an open equal request is joined."""
        answer = self._object("POST", f"/api/actions/{action}/", json=parameters)
        return formed(ActionState, {**answer, "id": answer.get("request_id")})

    def request(self, request_id: int) -> ActionState:
        """How a request stands."""
        return formed(ActionState, self.get(f"/api/requests/{request_id}/"))

    def get(self, path: str, **params: str) -> dict[str, Any]:
        """The JSON object that a GET answers."""
        return self._object("GET", path, params=params)

    def get_all(self, path: str, **params: str) -> list[Any]:
        """The JSON array that a GET answers."""
        answer = self._answer("GET", path, params=params)
        if not isinstance(answer, list):
            raise RequestRefused(_OK, f"{self.url}{path} gave no JSON array")
        return answer

    def _object(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        answer = self._answer(method, path, **parts)
        if not isinstance(answer, dict):
            raise RequestRefused(_OK, f"{self.url}{path} gave no JSON object")
        return answer

    def _answer(self, method: str, path: str, **parts: Any) -> Any:
        response = self._exchange(method, path, **parts)
        check_answer(response)
        return json_of(response)


def formed(form: type[Form], answer: dict[str, Any]) -> Form:
    """An answer in its form.

    Raises:
        RequestRefused: It is not of it.
    """
    try:
        return form.model_validate(answer)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise RequestRefused(_OK, f"an answer of another form: {path}: {first['msg']}") from None
