"""What a monitor's API may answer instead of what was asked, as typed errors."""

from __future__ import annotations

from typing import Any

import httpx

from blocks.errors import OutsideUnavailable, ProdOpsError

_TOKEN_STATUS = (401, 403)
_LATER_STATUS = (408, 425, 429)
_LONGEST_DETAIL = 300


class BadMonitorAddress(ProdOpsError):
    """The address is no http or https URL."""


class MonitorUnavailable(OutsideUnavailable):
    """The monitor did not answer, or said that it cannot at the moment."""


class RequestRefused(ProdOpsError):
    """The monitor answered, and will answer the same again.

    Attributes:
        status: the HTTP status.
        detail: what the body says, in one line.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"the monitor refused (HTTP {status}): {detail}")
        self.status = status
        self.detail = detail


class TokenRefused(RequestRefused):
    """The token is missing, unknown, revoked, or may not do this."""


class MessageRefused(RequestRefused):
    """The monitor does not accept this message.

    Attributes:
        fields: error texts by the field that they are about.
    """

    def __init__(self, status: int, detail: str, fields: dict[str, list[str]]) -> None:
        super().__init__(status, detail)
        self.fields = fields


def check_answer(response: httpx.Response) -> None:
    """Raise what an answer means unless it is 2xx; the body must have been read.

    Raises:
        TokenRefused: 401 or 403.
        MonitorUnavailable: 5xx, or a status that asks to come back later.
        RequestRefused: any other status, redirects included.
    """
    status = response.status_code
    if response.is_success:
        return
    detail = detail_of(response)
    if status in _TOKEN_STATUS:
        raise TokenRefused(status, detail)
    if response.is_server_error or status in _LATER_STATUS:
        raise MonitorUnavailable(f"the monitor cannot answer (HTTP {status}): {detail}")
    raise RequestRefused(status, detail)


def fields_of(response: httpx.Response) -> dict[str, list[str]]:
    """Error texts by field, from a body such as ``{"msg_type": ["This field is required."]}``."""
    body = _json_of(response)
    if not isinstance(body, dict):
        return {}
    return {
        str(name): [str(text) for text in texts] if isinstance(texts, list) else [str(texts)]
        for name, texts in body.items()
    }


def detail_of(response: httpx.Response) -> str:
    """One line of what a refusal says: its ``detail``, its fields, or the start of its text."""
    if response.has_redirect_location:
        return f"redirects to {response.headers['location']}"
    fields = fields_of(response)
    if set(fields) == {"detail"}:
        text = " ".join(fields["detail"])
    elif fields:
        text = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items())
    else:
        text = response.text
    return " ".join(text.split())[:_LONGEST_DETAIL] or response.reason_phrase


def _json_of(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:  # an error page of a proxy is no JSON, and is shown as text
        return None
