"""Every address that we answer with: a path below our prefix, never with a host.

So it leads through the door that one came by, whatever scheme, port, name or proxy that has.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote, urlencode

from fastapi import Request

from api.http.sessions import settings_of

_KEPT: Final = "/!$&'()*+,;=:@~"  # what a path may hold as it is (RFC 3986, section 3.3)


def prefix_of(request: Request) -> str:
    """The path that everything is mounted under; empty at a server's root."""
    return settings_of(request).stack.root_path


def here(request: Request) -> str:
    """The path that was asked for; `request.url` would trust the Host header with it."""
    return "/" + quote(request.scope["path"].lstrip("/"), safe=_KEPT)


def here_with_query(request: Request) -> str:
    """The path and the query that were asked for."""
    return _with_query(request, request.query_params.multi_items())


def page_link(request: Request, *, limit: int, offset: int) -> str:
    """Another page of the list that was asked for."""
    kept = [item for item in request.query_params.multi_items() if item[0] not in _PAGING]
    paging = [("limit", str(limit)), *([("offset", str(offset))] if offset > 0 else [])]
    return _with_query(request, [*kept, *paging])


_PAGING: Final = ("limit", "offset")


def _with_query(request: Request, items: list[tuple[str, str]]) -> str:
    return f"{here(request)}?{urlencode(items)}" if items else here(request)


def local_path(request: Request, target: str) -> str:
    """`target` where it is a path of ours, else the start page: no link leads away from here."""
    home = f"{prefix_of(request)}/"
    return target if is_below(home, target) else home


def is_below(home: str, target: str) -> bool:
    r"""Whether a browser that follows `target` stays below the path `home`.

    It drops tabs and line ends, takes `\` for `/`, two slashes for a host, and resolves dots, also
    escaped ones (https://url.spec.whatwg.org/#concept-basic-url-parser).
    """
    if not target.startswith(home) or not target.isprintable() or "\\" in target:
        return False
    path = target.partition("#")[0].partition("?")[0]
    segments = {unquote(segment) for segment in path.split("/")}
    return not path.startswith("//") and segments.isdisjoint({".", ".."})
