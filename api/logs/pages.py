"""The log records of all parts and agents, searched, newest first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.http import pages
from api.http.sessions import read, settings_of
from api.logs import queries
from api.logs import search as searches
from api.logs.search import LEVELS, Place, Search
from flows.agents.models import AppLog

router = APIRouter(route_class=pages.PageRoute, prefix="/logs", include_in_schema=False)

_SHOWN: Final = 100
_FILTERS: Final = ("level", "part", "request", "run", "text", "since", "until")
_TONES: Final = {"WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad"}


@router.get("/")
async def search_logs(request: Request) -> Response:
    """The records that the filters in the address find; `before` or `after` says where from."""
    query = request.query_params
    viewer = await pages.viewer_of(request)
    wanted = searches.read(query)
    older, newer = (Place.read(name, query.get(name, "")) for name in ("before", "after"))
    found = await read(request, lambda session: _found(session, wanted, older, newer))
    flow_run_url = settings_of(request).prefect.flow_run_url
    return await pages.show(
        request,
        "logs.html",
        viewer,
        **found,
        levels=list(LEVELS),
        asked={name: query.get(name, "") for name in _FILTERS},
        is_first=older is None and newer is None,
        counted=queries.MOST_COUNTED,
        address=lambda **changes: _address(query, changes),
        level_name=queries.level_name,
        tone=lambda row: _TONES.get(queries.level_name(row.level), "still"),
        about=lambda row: _about(row, flow_run_url),
    )


def _found(
    session: Session, wanted: Search, older: Place | None, newer: Place | None
) -> dict[str, Any]:
    if newer is not None and older is None:
        page = queries.after(session, wanted, newer, _SHOWN)
    else:
        page = queries.before(session, wanted, older, _SHOWN)
    return {
        "page": page,
        "newest": queries.place_of(page.rows[0]) if page.rows else newer,
        "numbers": queries.count_by_level(session, wanted),
        "parts": queries.parts(session),
    }


def _address(query: Mapping[str, str], changes: Mapping[str, object]) -> str:
    """The query of the same search with changes, from its beginning unless they say otherwise."""
    kept = {**{name: query.get(name, "") for name in _FILTERS}, **changes}
    return "?" + urlencode({name: str(value) for name, value in kept.items() if value})


def _about(row: AppLog, flow_run_url: Any) -> dict[str, Any]:
    """What a record is about: its request, its run, and what else it says of itself."""
    data = row.extra_data if isinstance(row.extra_data, dict) else {}
    request, run = str(data.get("request_id", "")), _run(data.get("flow_run_id"))
    known = {"request_id", "flow_run_id", "action"}
    more = {name: value for name, value in data.items() if name not in known}
    return {
        "request": request if request.isascii() and request.isdecimal() else "",
        "run": run,
        "run_url": flow_run_url(run),
        "action": str(data.get("action", "")),
        "more": json.dumps(more, ensure_ascii=False, sort_keys=True) if more else "",
    }


def _run(value: object) -> uuid.UUID | None:
    """The run that a record names; agents may write anything there."""
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
