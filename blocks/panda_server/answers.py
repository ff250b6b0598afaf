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
        """Return the answer to an operation, if its code is among `codes`.

        The code decides: panda-server 1.0.4 says `success: true` of operations that it rejects,
        and `success: false` of a reactivation that it accepts. An answer without a code is judged
        by its success.

        Raises:
            PandaRefused: PanDA rejects it, with PanDA's own words.
            TokenRefused: No token was seen.
        """
        if self._code is None:
            return self.granted()
        if self._code in codes:
            return self
        raise PandaRefused(self.words or "without a reason", code=self._code)

    @property
    def words(self) -> str:
        """What PanDA says of an operation: beside the code, where it stands there."""
        said = self.data[1] if _is_pair(self.data) else None
        return self.message or (said if isinstance(said, str) else "")

    @property
    def _code(self) -> int | None:
        """The number in `data`: bare, or with PanDA's words as ``[code, words]``."""
        code = self.data[0] if _is_pair(self.data) else self.data
        return code if isinstance(code, int) and not isinstance(code, bool) else None


def _is_pair(data: Any) -> bool:
    return isinstance(data, list) and len(data) == 2  # noqa: PLR2004 - code and words


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
