"""PanDA's REST protocol: envelopes, declared endpoints, and the checks that it makes of requests.

The server answers 200 with ``{"success", "message", "data"}`` as text/plain even when it refuses.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, get_args, get_origin, get_type_hints

from deployments.sandbox.panda.tokens import Caller

JSON = "application/json"
TEXT = "text/plain"
HTML = "text/html; charset=utf-8"

NOT_SECURE = "SSL secure connection is required"
NO_ROLE = "production or pilot role required"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str = TEXT

    @classmethod
    def json(cls, content: Any, status: int = 200, content_type: str = JSON) -> Answer:
        """JSON, with times in the server's own form."""
        return cls(status, json.dumps(content, default=_special).encode(), content_type)

    @classmethod
    def text(cls, status: int, text: str, content_type: str = TEXT) -> Answer:
        """Text or a page."""
        return cls(status, text.encode(), content_type)


@dataclass(frozen=True)
class Envelope:
    """What every method of PanDA answers."""

    success: bool
    message: str = ""
    data: Any = None

    def answer(self) -> Answer:
        """As HTTP."""
        content = {"success": self.success, "message": self.message, "data": self.data}
        return Answer.json(content, content_type=TEXT)


@dataclass(frozen=True)
class Upload:
    """A file of a multipart form."""

    name: str
    content: bytes


class BadCall(Exception):
    """The parameters do not fit the method at all: the server answers 500."""


@dataclass(frozen=True)
class Endpoint:
    """A method of the API, with what it demands.

    Attributes:
        run: Takes the API and the caller, and the parameters by keyword.
        is_secure: Whether a token is needed.
        is_production: Whether the production role is needed.
    """

    method: str
    run: Callable[..., Envelope]
    is_secure: bool = True
    is_production: bool = False

    def call(
        self, api: object, caller: Caller | None, method: str, parameters: Mapping[str, Any]
    ) -> Envelope:
        """Check the request as the server does, and run it.

        Raises:
            BadCall: A parameter is missing, or there is none of this name.
        """
        if self.is_secure and caller is None:
            return Envelope(False, NOT_SECURE)
        if self.is_production and (caller is None or not caller.is_production):
            return Envelope(False, NO_ROLE)
        if method != self.method:
            return Envelope(False, f"expecting {self.method}, received {method}")
        self._check_names(parameters)
        bound = {}
        for name, value in parameters.items():
            try:
                bound[name] = self._fit(name, value)
            except (TypeError, ValueError) as error:
                return Envelope(False, f"Type error: {error}")
        return self.run(api, caller, **bound)

    @cached_property
    def _expected(self) -> dict[str, Any]:
        """The type of each parameter, which all come by keyword."""
        hints = get_type_hints(self.run)
        return {name: hints[name] for name in inspect.getfullargspec(self.run).kwonlyargs}

    def _check_names(self, parameters: Mapping[str, Any]) -> None:
        defaults = inspect.getfullargspec(self.run).kwonlydefaults or {}
        for name in self._expected:
            if name not in defaults and name not in parameters:
                raise BadCall(f"missing a required argument: '{name}'")
        for name in parameters:
            if name not in self._expected:
                raise BadCall(f"got an unexpected keyword argument '{name}'")

    def _fit(self, name: str, value: Any) -> Any:
        expected = self._expected[name]
        options = [option for option in get_args(expected) if option is not type(None)]
        if get_origin(expected) not in {list, dict} and options:
            if value is None:
                return None
            expected = options[0]
        if self.method == "GET":
            return _cast(name, value, expected)
        return _checked(name, value, expected)


def _cast(name: str, value: Any, expected: Any) -> Any:
    """A value of a query, which is text or, repeated, a list of texts."""
    if get_origin(expected) is list:
        (inner,) = get_args(expected)
        listed = value if isinstance(value, list) else [value]
        return [_cast(name, item, inner) for item in listed]
    single = value[0] if isinstance(value, list) else value
    if expected is bool:
        return str(single).lower() in {"true", "1"}
    try:
        return expected(single)
    except ValueError as error:
        raise TypeError(f"'{name}' could not be casted to type {expected.__name__}.") from error


def _checked(name: str, value: Any, expected: Any) -> Any:
    """A value of a JSON body."""
    plain = get_origin(expected) or expected
    if not isinstance(value, plain):
        raise TypeError(f"'{name}' must be of type {plain.__name__}, got {type(value).__name__}.")
    if plain is list:
        (inner,) = get_args(expected)
        if not all(isinstance(item, inner) for item in value):
            raise TypeError(f"All elements in '{name}' must be {inner.__name__}.")
    return value


def _special(value: object) -> Any:
    """How the server writes what JSON has no form for: times naive, in UTC."""
    if isinstance(value, datetime):
        return {"__datetime__": value.astimezone(UTC).replace(tzinfo=None).isoformat()}
    raise TypeError(f"{type(value).__name__} has no JSON form")
