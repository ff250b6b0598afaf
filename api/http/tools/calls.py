"""What a tool works with: who calls, a transaction, and the door that the caller came by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from sqlalchemy.orm import Session

from api.http import proxies
from api.http.links import prefix_of
from api.http.sessions import settings_of
from api.http.tools.answers import MonitorUrl
from flows.common.callers import Caller
from flows.common.settings import Settings

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


@dataclass(frozen=True)
class Call:
    """A call of a tool.

    Attributes:
        caller: Who calls; has the tool's scope.
        session: One transaction, which is committed when the function returns.
        request: The HTTP request that brings the call, of our application.
    """

    caller: Caller
    session: Session
    request: Request

    @property
    def settings(self) -> Settings:
        """The settings of the application."""
        return settings_of(self.request)

    def link(self, path: str) -> str:
        """The address of a page, by the door that the caller came by.

        Args:
            path: Below our prefix, as it stands in an address: `/requests/7/`.
        """
        return f"{door_of(self.request)}{prefix_of(self.request)}{path}"

    def shown_at(self, title: str, path: str, **query: object) -> MonitorUrl:
        """A page that shows what is answered; what is not given is left out of its address."""
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return MonitorUrl(title=title, url=self.link(path + (f"?{urlencode(given)}" * bool(given))))


def door_of(request: Request) -> str:
    """Scheme, host and port that the caller used; empty where no host can be told.

    Behind a trusted proxy, those that the proxy names. A false name would mislead none but the
    caller who sent it.
    """
    host = request.headers.get("host", "")
    if proxies.is_trusted(request, settings_of(request).api.trusted_proxies):
        host = request.headers.get("x-forwarded-host", "").rpartition(",")[2].strip() or host
    if not _HOST.fullmatch(host):
        return ""
    return f"{'https' if proxies.is_secure(request) else 'http'}://{host}"
