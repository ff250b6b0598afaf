"""What PCS may answer instead of what was asked, as typed errors."""

from __future__ import annotations

from typing import Any

import httpx

from blocks.errors import OutsideUnavailable, ProdOpsError

_LATER_STATUS = (408, 425, 429)
_LONGEST_DETAIL = 400
_NO_ROUTE_DETAILS = frozenset({"Not found.", "Not Found"})


class PcsUnavailable(OutsideUnavailable):
    """PCS did not answer, said that it cannot at the moment, or gave something else."""


class PcsRefused(ProdOpsError):
    """PCS answered, and will answer the same again.

    Attributes:
        status: the HTTP status; 0 of what was not even sent.
        detail: what the body says, in one line.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"PCS refused (HTTP {status}): {detail}")
        self.status = status
        self.detail = detail


class TaskUnknown(PcsRefused):
    """PCS has no such task, or no such attempt of it."""


class PcsConflict(PcsRefused):
    """What PCS has contradicts what it was sent, such as another jediTaskID."""


class NotAllowed(PcsRefused):
    """The token is unknown, or may not do this."""


class RouteMissing(PcsRefused):
    """The PCS has no such route: it is an original without it, or not at this address."""


_BY_STATUS = {401: NotAllowed, 403: NotAllowed, 405: RouteMissing, 409: PcsConflict}


def check_answer(response: httpx.Response) -> None:
    """Raise what an answer means unless it is 2xx.

    Raises:
        NotAllowed, TaskUnknown, RouteMissing, PcsConflict: 401 or 403, 404, 405, 409.
        PcsUnavailable: 5xx, or a status that asks to come back later.
        PcsRefused: any other status, redirects included.
    """
    status = response.status_code
    if response.is_success:
        return
    detail = _detail(response)
    if response.is_server_error or status in _LATER_STATUS:
        raise PcsUnavailable(f"PCS cannot answer (HTTP {status}): {detail}")
    if status == httpx.codes.NOT_FOUND:
        is_task = _is_about_a_task(response)
        raise (TaskUnknown if is_task else RouteMissing)(status, detail)
    raise _BY_STATUS.get(status, PcsRefused)(status, detail)


def _is_about_a_task(response: httpx.Response) -> bool:
    body = _json_of(response)
    if isinstance(body, dict):
        return isinstance(body.get("detail"), str) and body["detail"] not in _NO_ROUTE_DETAILS
    return response.text.startswith("No ")


def _detail(response: httpx.Response) -> str:
    """One line of what a refusal says: its ``detail``, its fields, or the start of its text."""
    if response.has_redirect_location:
        return f"redirects to {response.headers['location']}"
    body = _json_of(response)
    if isinstance(body, dict) and isinstance(body.get("detail"), str):
        text = body["detail"]
    elif isinstance(body, dict):
        text = "; ".join(f"{name}: {_line(value)}" for name, value in body.items())
    else:
        text = response.text
    return " ".join(text.split())[:_LONGEST_DETAIL] or response.reason_phrase


def _line(value: Any) -> str:
    return " ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _json_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:  # an error page of a proxy is no JSON, and is shown as text
        return None
