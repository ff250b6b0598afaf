"""Payload logs at a monitor of ours: asked for, looked at, read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from blocks.monitor_api.actions import ActionApi, ActionState, formed
from blocks.monitor_api.errors import RequestRefused, check_answer

_LOGS: Final = "/api/payload-logs/"
_NOT_FOUND: Final = 404
_CHUNK_BYTES: Final = 256 * 1024


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
    binaries: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


class PayloadLogApi(ActionApi):
    """The payload logs of the monitor at one address, with one token; it raises as its base."""

    def fetch(self, pandaid: int, *, force: bool = False) -> ActionState:
        """Have the log fetched; a fetch that is under way is joined."""
        asked = {"pandaid": pandaid, "force": force}
        answer = self._object("POST", _LOGS, json=asked)
        return formed(ActionState, {**answer, "id": answer.get("request_id")})

    def log(self, pandaid: int) -> PayloadLogState | None:
        """How the log of a job stands; None where nobody has asked for it."""
        try:
            return formed(PayloadLogState, self.get(f"{_LOGS}{pandaid}/"))
        except RequestRefused as refusal:
            if refusal.status == _NOT_FOUND:
                return None
            raise

    def member(self, log: PayloadLogState, name: str) -> Iterator[bytes]:
        """The bytes of a member, as they come."""
        path = f"{self.url}{_LOGS}{log.pandaid}/members/{quote(name, safe='')}"
        asked = {"version": log.version or ""}
        with self._reached(), self._client.stream("GET", path, params=asked) as response:
            if not response.is_success:
                response.read()
                check_answer(response)
            yield from response.iter_bytes(_CHUNK_BYTES)
