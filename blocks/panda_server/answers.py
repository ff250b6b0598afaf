"""An answer of the PanDA server: its envelope, and what its status means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import httpx

from blocks.panda_server.errors import PandaRefused, PandaUnavailable, TokenRefused

_LONGEST_EXCERPT = 200
_LATER_STATUS = (408, 425, 429)
_TOKEN_STATUS = (401, 403)
_NO_TOKEN = "SSL secure connection is required"  # noqa: S105 - what PanDA says without one


@dataclass(frozen=True)
class Answer:
    """``{"success", "message", "data"}``, which PanDA sends with HTTP 200 for refusals too."""

    success: bool
    message: str
    data: Any

    def granted(self) -> Self:
        """Return the answer, if it is a success.

        Raises:
            PandaRefused: It is none.
            TokenRefused: It is none, because no token was seen.
        """
        if self.success:
            return self
        if self.message == _NO_TOKEN:
            raise TokenRefused(f"PanDA saw no token ({self.message})")
        raise PandaRefused(self.message or "without a reason", code=self._code)

    def accepted(self, codes: tuple[int, ...]) -> Self:
        """Return the answer, if it is a success or its code is among `codes`.

        Raises:
            PandaRefused, TokenRefused: Neither.
        """
        return self if self._code in codes else self.granted()

    @property
    def _code(self) -> int | None:
        is_number = isinstance(self.data, int) and not isinstance(self.data, bool)
        return self.data if is_number else None


def read_answer(response: httpx.Response) -> Answer:
    """Read an answer's envelope, whatever its content type says (it says text/plain).

    Raises:
        TokenRefused: 401, or 403 that is not about a method.
        PandaRefused: another 4xx, or a redirect: PanDA sends none.
        PandaUnavailable: 5xx, a status that asks to come back, or no JSON envelope.
    """
    status, excerpt = response.status_code, _excerpt(response)
    if response.is_server_error or status in _LATER_STATUS:
        raise PandaUnavailable(f"PanDA cannot answer (HTTP {status}): {excerpt}")
    if status in _TOKEN_STATUS and not excerpt.endswith("is forbidden"):
        raise TokenRefused(f"PanDA refused the token (HTTP {status}): {excerpt}")
    if not response.is_success:
        raise PandaRefused(excerpt or response.reason_phrase, code=status)
    try:
        body = response.json()
        return Answer(bool(body["success"]), str(body.get("message") or ""), body.get("data"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PandaUnavailable(f"{response.url.path} gave no answer of PanDA: {excerpt}") from None


def _excerpt(response: httpx.Response) -> str:
    return " ".join(response.text.split())[:_LONGEST_EXCERPT]
