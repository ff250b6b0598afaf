"""What an agent does at a monitor, ours or the original's: its records, its rows, its messages.

Each call is made once. Calls, codes and texts: fast-monitoring contract section 3.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from blocks.monitor_api.client import MESSAGES, Connection, json_of
from blocks.monitor_api.errors import RequestRefused, check_answer, detail_of

_OK: Final = 200
_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_TAKEN: Final = ("already exists", "must make a unique set")
_JSON: Final = {"Accept": "application/json"}


class AlreadyThere(RequestRefused):
    """A row of that name is there already."""


class AgentApi(Connection):
    """A monitor at one address, with one token; its methods may be called from many threads.

    Every method raises TokenRefused (401, 403), RequestRefused (another 4xx, or an answer that is
    not of its form) or MonitorUnavailable (no answer, 5xx).
    """

    def next_agent_id(self) -> int:
        """A number that no other agent has."""
        number = self._post("state/next-agent-id").get("agent_id")
        if not isinstance(number, int):
            raise RequestRefused(_OK, "the answer holds no agent_id")
        return number

    def heartbeat(self, said: dict[str, Any]) -> None:
        """Say how the agent is."""
        self._post("systemagents/heartbeat", said)

    def subscribe(self, name: str, description: str) -> None:
        """Register a subscriber; one that is there already is as good."""
        row = {"subscriber_name": name, "description": description, "is_active": True}
        try:
            self.add("subscribers", {**row, "fraction": 1.0})
        except AlreadyThere:
            return

    def log(self, record: dict[str, Any]) -> None:
        """Store a log record."""
        self._post("logs", record)

    def send(self, message: dict[str, Any]) -> None:
        """Hand in a message, once: whether one without an answer was taken is for the caller."""
        response = self._exchange("POST", MESSAGES, json=message, headers=_JSON)
        check_answer(response)

    # ------------------------------------------------------------------ rows

    def rows(self, collection: str, **filters: str) -> list[dict[str, Any]]:
        """The rows of a collection that the filters leave. A monitor may ignore filters."""
        found = self._answer("GET", f"/api/{collection}/", params=filters)
        if not isinstance(found, list):
            raise RequestRefused(_OK, f"{self.url}/api/{collection}/ gave no JSON array")
        return found

    def count(self, collection: str, **filters: str) -> int:
        """How many rows of a collection the filters leave."""
        found = self._answer("GET", f"/api/{collection}/", params={**filters, "limit": "1"})
        number = found.get("count") if isinstance(found, dict) else None
        if not isinstance(number, int):
            raise RequestRefused(_OK, f"{self.url}/api/{collection}/ gave no count")
        return number

    def row(self, collection: str, key: object) -> dict[str, Any] | None:
        """The row of that key; None where there is none."""
        try:
            return self._object("GET", _path(collection, key))
        except RequestRefused as refusal:
            if refusal.status == _NOT_FOUND:
                return None
            raise

    def add(self, collection: str, row: dict[str, Any]) -> dict[str, Any]:
        """Add a row; gives it as it was stored.

        Raises:
            AlreadyThere: One of that name is there.
        """
        return self._post(collection, row)

    def change(self, collection: str, key: object, values: dict[str, Any]) -> dict[str, Any]:
        """Change values of a row; gives it as it is then."""
        return self._object("PATCH", _path(collection, key), json=values)

    def _post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._object("POST", f"/api/{path}/", json=body or {})

    def _object(self, method: str, path: str, **parts: Any) -> dict[str, Any]:
        answer = self._answer(method, path, **parts)
        if not isinstance(answer, dict):
            raise RequestRefused(_OK, f"{self.url}{path} gave no JSON object")
        return answer

    def _answer(self, method: str, path: str, **parts: Any) -> Any:
        response = self._exchange(method, path, headers=_JSON, **parts)
        if response.status_code == _BAD_REQUEST and any(each in response.text for each in _TAKEN):
            raise AlreadyThere(_BAD_REQUEST, detail_of(response))
        check_answer(response)
        return json_of(response)


def _path(collection: str, key: object) -> str:
    return f"/api/{collection}/{quote(str(key), safe='')}/"
