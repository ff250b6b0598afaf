"""Reading the agents' bodies into forms, and refusing them in Django REST framework's words.

Agents and their tests read these texts (fastmon contract section 3.1).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, NoReturn, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from api.http import fields
from api.http.errors import Errors, Rejection

_Form = TypeVar("_Form", bound=BaseModel)
_TEXTS: Final = {
    "missing": "This field is required.",
    "string_type": "Not a valid string.",
    "string_unicode": fields.NO_SURROGATES,
    "string_too_short": "This field may not be blank.",
    "string_too_long": "Ensure this field has no more than {max_length} characters.",
    "greater_than_equal": "Ensure this value is greater than or equal to {ge}.",
    "less_than_equal": "Ensure this value is less than or equal to {le}.",
    "int_type": fields.INTEGER,
    "int_parsing": fields.INTEGER,
    "int_parsing_size": fields.INTEGER,
    "int_from_float": fields.INTEGER,
    "float_type": fields.NUMBER,
    "float_parsing": fields.NUMBER,
    "bool_type": fields.BOOLEAN,
    "bool_parsing": fields.BOOLEAN,
    "uuid_type": fields.UUID,
    "uuid_parsing": fields.UUID,
}


@dataclass(frozen=True)
class Body:
    """A request's body as it came."""

    content_type: str
    raw: bytes

    def read(self, form: type[BaseModel]) -> dict[str, Any]:
        """The fields of `form` that were sent, checked, as :meth:`parse`."""
        return self.parse(form).model_dump(exclude_unset=True)

    def parse(self, form: type[_Form]) -> _Form:
        """The body in its form; what the form does not know is ignored.

        Raises:
            Rejection: 400, naming the field; 415, where the body does not say that it is JSON.
        """
        try:
            return form.model_validate(self._object())
        except ValidationError as error:
            raise Rejection(400, {**_errors_of(error)}) from None

    def _object(self) -> dict[str, Any]:
        value = self._json() if self.raw else {}
        if value is None:
            raise Rejection(400, {"non_field_errors": ["No data provided"]})
        if not isinstance(value, dict):
            kind = type(value).__name__
            text = f"Invalid data. Expected a dictionary, but got {kind}."
            raise Rejection(400, {"non_field_errors": [text]})
        return value

    def _json(self) -> Any:
        kind = self.content_type.partition(";")[0].strip().lower()
        # A page of another site can make a proxy's user post a form, but not JSON.
        if kind != "application/json" and not kind.endswith("+json"):
            text = f'Unsupported media type "{self.content_type}" in request.'
            raise Rejection(415, {"detail": text})
        try:
            return json.loads(self.raw, parse_constant=_no_number, parse_float=_finite)
        except RecursionError:
            raise Rejection(400, {"detail": "JSON parse error - nested too deeply"}) from None
        except ValueError as error:
            raise Rejection(400, {"detail": f"JSON parse error - {error}"}) from None


async def read_body(request: Request) -> Body:
    """The request's body, to be judged once it is known who sends it, and to what."""
    return Body(request.headers.get("content-type", ""), await request.body())


Sent = Annotated[Body, Depends(read_body)]


def body(form: type[BaseModel], example: dict[str, Any] | None = None) -> dict[str, Any]:
    """The OpenAPI description of a body that a form reads."""
    content: dict[str, Any] = {"schema": form.model_json_schema()}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


@cache
def partial(form: type[BaseModel]) -> type[BaseModel]:
    """The form of a PATCH: no field is required; what is sent is checked as in `form`."""
    optional: dict[str, Any] = {
        name: (info.rebuild_annotation(), Field(None, description=info.description))
        for name, info in form.model_fields.items()
    }
    return create_model(f"{form.__name__}Changes", **optional)


def _errors_of(error: ValidationError) -> Errors:
    texts: Errors = {}
    for item in error.errors():
        texts.setdefault(str(item["loc"][0]), []).append(_in_words(item))
    return texts


def _in_words(item: ErrorDetails) -> str:
    if item["type"] != "missing" and item["input"] is None:
        return fields.NULL
    text = _TEXTS.get(item["type"])
    return text.format(**item.get("ctx", {})) if text else item["msg"]


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"Out of range float values are not JSON compliant: {name}")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        _no_number(digits[:40])
    return value
