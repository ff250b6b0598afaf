"""The monitor that `prodops mcp` passes everything on to: does it answer, and take the token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from blocks.errors import OutsideUnavailable, ProdOpsError
from deployments.cli.monitor_access import TOKEN_REFUSED

_PING: Final = {"jsonrpc": "2.0", "id": 0, "method": "ping"}
_PING_SECONDS: Final = 5.0
_REFUSALS: Final = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})


class MonitorAway(OutsideUnavailable):
    """The monitor does not answer, or answers an error."""


class TokenNotGood(ProdOpsError):
    """The monitor does not know the token."""

    exit_code = TOKEN_REFUSED


@dataclass(frozen=True)
class Monitor:
    """Where the monitor's MCP server is, and what is sent to it with every request."""

    url: str
    headers: Mapping[str, str]

    async def check(self) -> None:
        """See that the monitor answers, and takes the token.

        Raises:
            MonitorAway: It does not answer.
            TokenNotGood: It refuses the token.
        """
        try:
            async with httpx.AsyncClient(timeout=_PING_SECONDS) as http:
                answer = await http.post(self.url, json=_PING, headers=dict(self.headers))
        except httpx.HTTPError as error:
            raise self._away(str(error) or type(error).__name__) from error
        said = answer.text[:200]
        if answer.status_code in _REFUSALS:
            raise TokenNotGood(
                f"{self.url} refuses the token of SWF_API_TOKEN: {said}. Give this server another, "
                "which `prodops token create` or the page /me/ makes, and start it again"
            )
        if not answer.is_success:
            raise self._away(f"it answers {answer.status_code}: {said}")

    def _away(self, reason: str) -> MonitorAway:
        return MonitorAway(
            f"the monitor is away, at {self.url}: {reason}. Call again in a minute; if it stays "
            "away, tell an operator"
        )
