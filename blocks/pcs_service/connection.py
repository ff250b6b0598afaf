"""The connection to a PCS: requests in the name of a user, answers checked."""

from __future__ import annotations

from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from blocks.closing import Closing
from blocks.outside_calls import System, counted
from blocks.pcs_service.errors import PcsRefused, PcsUnavailable, check_answer
from blocks.tls import trust

API_PATH = "/pcs/api"
_LIST = TypeAdapter(list[Any])
_LONGEST_NAME = 300
_T = TypeVar("_T")


class PcsConnection(Closing):
    """A PCS at one address, spoken to with one token; nothing is tried again here.

    Attributes:
        unreadable: Rows of its lists that were set aside since the client was made, each with what
            is wrong with it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        timeout_seconds: float,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Make the client; nothing is connected yet.

        Args:
            base_url: up to ``/pcs/api``, with or without it.
            token: of a service that may act for the owners of tasks.
            timeout_seconds: how long an answer may let wait for its next part.
            transport: stands in for the network, in tests.

        Raises:
            PcsRefused: `base_url` is no http:// or https:// URL.
        """
        if not base_url.startswith(("http://", "https://")):
            raise PcsRefused(0, f"the address {base_url!r} is no http:// or https:// URL")
        self.unreadable: dict[str, str] = {}
        self.url = base_url.rstrip("/").removesuffix(API_PATH) + API_PATH
        authorization = {} if token is None else {"Authorization": f"Token {_sendable(token)}"}
        self._client = httpx.Client(
            headers={"Accept": "application/json", **authorization},
            timeout=timeout_seconds,
            transport=transport,
            verify=trust(self.url),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def exchange(
        self,
        method: str,
        route: str,
        *,
        user: str = "",
        resource: str = "prod-tasks",
        **parts: Any,
    ) -> httpx.Response:
        """Ask ``<resource>/<route>``, in the name of `user` where one is given.

        Raises:
            PcsUnavailable, PcsRefused: As the answer says.
        """
        headers = {"X-Remote-User": _sendable(user)} if user else {}
        url = f"{self.url}/{resource}/{route}"
        with counted(System.PCS):
            try:
                response = self._client.request(method, url, headers=headers, **parts)
            except (httpx.RequestError, httpx.InvalidURL) as error:
                reason = str(error) or type(error).__name__
                raise PcsUnavailable(f"no answer from {self.url}: {reason}") from error
            check_answer(response)
        return response

    def json(self, method: str, route: str, **parts: Any) -> Any:
        """The JSON that ``<resource>/<route>`` answers; raises as :meth:`exchange`."""
        response = self.exchange(method, route, **parts)
        try:
            return response.json()
        except ValueError:
            raise PcsUnavailable(f"{response.url.path} gave no JSON") from None

    def rows(self, form: TypeAdapter[_T], resource: str = "prod-tasks", **parts: Any) -> list[_T]:
        """The rows of a list; one that has another form is set aside, and named as unreadable.

        Raises:
            PcsUnavailable: It is no list, or none of its rows has the form; or as :meth:`json`.
            PcsRefused: As :meth:`json`.
        """
        listed = checked(_LIST, self.json("GET", "", resource=resource, **parts))
        found: list[_T] = []
        problems: dict[str, str] = {}
        for number, row in enumerate(listed):
            try:
                found.append(checked(form, row))
            except PcsUnavailable as error:
                problems[f"{resource} {_name_of(row, number)}"] = str(error)
        if problems and not found:
            raise PcsUnavailable(next(iter(problems.values())))
        self.unreadable |= problems
        return found


def _name_of(row: Any, number: int) -> str:
    named = row.get("name") or row.get("id") if isinstance(row, dict) else None
    return str(named)[:_LONGEST_NAME] if named else f"row {number}"


def checked(adapter: TypeAdapter[_T], value: Any) -> _T:
    """The answer in its form.

    Raises:
        PcsUnavailable: It has another: whatever answered, it is no PCS.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        raise PcsUnavailable(f"PCS gave something else: {path} {first['msg']}") from None


def _sendable(value: str) -> str:
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise PcsRefused(0, "a token or user name holds characters that no header may")
    return value
