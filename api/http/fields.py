"""The kinds of fields in the agents' REST bodies: what each takes, and how it refuses."""

from __future__ import annotations

import ipaddress
import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from flows.common import text
from flows.common.text import unkeepable

_T = TypeVar("_T")

MAX_INTEGER: Final = 2**31 - 1
MAX_BIG_INTEGER: Final = 2**63 - 1
LONGEST: Final = 255  # characters of a name
_FIRST_PRINTABLE: Final = 32
_DELETE: Final = 127
_YEARS: Final = range(2, 9999)  # so that no time zone takes a time out of the calendar

NULL: Final = "This field may not be null."
NO_NUL: Final = "Null characters are not allowed."
NO_SURROGATES: Final = "Surrogate characters are not allowed."
INTEGER: Final = "A valid integer is required."
NUMBER: Final = "A valid number is required."
BOOLEAN: Final = "Must be a valid boolean."
UUID: Final = "Must be a valid UUID."
_UNKEEPABLE: Final = {
    text.NUL: NO_NUL,
    text.HALF: NO_SURROGATES,
    text.DEEP: "Ensure this value is nested no deeper than 64 levels.",
}
_TIME: Final = (
    "Datetime has wrong format. Use one of these formats instead: "
    "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
)


def refuse(text: str) -> PydanticCustomError:
    """A refusal in these words, whatever braces a caller's value brings into them."""
    return PydanticCustomError("refused", "{text}", {"text": text})


def shown(value: object) -> str:
    """A caller's value, as an answer may repeat it."""
    return str(value)[:LONGEST].encode(errors="replace").decode()


def big_number(text: str) -> int | None:
    """The number that the text spells, from 1 on and as large as a column holds; else None."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_BIG_INTEGER))
    return int(text) if is_number and 0 < int(text) <= MAX_BIG_INTEGER else None


def _plain_file_name(value: str) -> str:
    if any(ord(each) < _FIRST_PRINTABLE or ord(each) == _DELETE for each in value):
        raise refuse("Control characters are not allowed.")
    if "/" in value or "\\" in value or value in {".", ".."}:
        raise refuse("Enter a file name without a path.")
    return value


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise refuse(INTEGER)
    return value


def _finite(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) > MAX_BIG_INTEGER):
        raise refuse(NUMBER)
    return value


def choice(words: type[StrEnum]) -> tuple[Any, Any]:
    """What a field is annotated with that takes one of `words`."""

    def chosen(value: object) -> StrEnum:
        try:
            return words(value)  # type: ignore[arg-type]
        except ValueError:
            raise refuse(f'"{shown(value)}" is not a valid choice.') from None

    schema = {"type": "string", "enum": [word.value for word in words]}
    return PlainValidator(chosen), WithJsonSchema(schema)


def utc(value: object) -> datetime:
    """The time in UTC; one without a zone is taken to be in UTC.

    Raises:
        PydanticCustomError: It is none.
    """
    try:
        time = datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise refuse(_TIME) from None
    if time.year not in _YEARS:
        raise refuse(f"Ensure the year is between {_YEARS[0]} and {_YEARS[-1]}.")
    return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise refuse(f'Expected a dictionary of items but got type "{kind}".')
    return _kept(value)


def _kept(value: _T) -> _T:
    for _, why in unkeepable(value):
        raise refuse(_UNKEEPABLE[why])
    return value


def _json_value(value: object) -> object:
    if value is None:
        raise refuse(NULL)
    return _kept(value)


def _spelled(value: object) -> object:
    """Agents send a run's number as a text, and as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _ip_address(value: object) -> str:
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise refuse("Enter a valid IPv4 or IPv6 address.") from None


def _parent_uuid(value: object) -> uuid.UUID:
    if value is None or value == "":
        raise refuse(NULL)
    try:
        return uuid.UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise refuse(f"“{shown(value)}” is not a valid UUID.") from None


def _parent_name(value: object) -> str:
    if value is None or value == "":
        raise refuse(NULL)
    if not isinstance(value, str):
        raise refuse("Invalid value.")
    return _kept(value)


def _parent_key(value: object) -> int:
    if value is None or value == "":
        raise refuse(NULL)
    digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not (digits.isascii() and digits.removeprefix("-").isdecimal()):
        kind = type(value).__name__
        raise refuse(f"Incorrect type. Expected pk value, received {kind}.")
    if digits.startswith("-") or len(digits) > len(str(MAX_INTEGER)) or int(digits) > MAX_INTEGER:
        raise refuse(no_such_key(digits))
    return int(digits)


def no_such_key(key: object) -> str:
    """That a parent's key names nothing."""
    return f'Invalid pk "{shown(key)}" - object does not exist.'


def _text(max_length: int, min_length: int = 0) -> Any:
    return StringConstraints(
        strict=True, strip_whitespace=True, min_length=min_length, max_length=max_length
    )


FileName = Annotated[
    str, _text(LONGEST, 1), AfterValidator(_kept), AfterValidator(_plain_file_name)
]
Word20 = Annotated[str, _text(20, 1), AfterValidator(_kept)]
Word30 = Annotated[str, _text(30, 1), AfterValidator(_kept)]
Word50 = Annotated[str, _text(50, 1), AfterValidator(_kept)]
Word64 = Annotated[str, _text(64, 1), AfterValidator(_kept)]
Word100 = Annotated[str, _text(100, 1), AfterValidator(_kept)]
Word200 = Annotated[str, _text(200, 1), AfterValidator(_kept)]
Word255 = Annotated[str, _text(255, 1), AfterValidator(_kept)]
Text20 = Annotated[str, _text(20), AfterValidator(_kept)]
Text30 = Annotated[str, _text(30), AfterValidator(_kept)]
Text50 = Annotated[str, _text(50), AfterValidator(_kept)]
Text64 = Annotated[str, _text(64), AfterValidator(_kept)]
Text100 = Annotated[str, _text(100), AfterValidator(_kept)]
Text200 = Annotated[str, _text(200), AfterValidator(_kept)]
Text255 = Annotated[str, _text(255), AfterValidator(_kept)]
Paragraph = Annotated[str, _text(MAX_INTEGER), AfterValidator(_kept)]
"""A text of any length: a request's body is bounded."""
FilledParagraph = Annotated[str, _text(MAX_INTEGER, 1), AfterValidator(_kept)]
Count = Annotated[int, Field(ge=0, le=MAX_INTEGER), BeforeValidator(_no_bool)]
WholeNumber = Annotated[int, Field(ge=-MAX_INTEGER - 1, le=MAX_INTEGER), BeforeValidator(_no_bool)]
BigNumber = Annotated[
    int, Field(ge=-MAX_BIG_INTEGER - 1, le=MAX_BIG_INTEGER), BeforeValidator(_no_bool)
]
Number = Annotated[float, BeforeValidator(_finite)]
SizeBytes = Annotated[int, Field(ge=0, le=MAX_BIG_INTEGER), BeforeValidator(_no_bool)]
Time = Annotated[
    datetime, PlainValidator(utc), WithJsonSchema({"type": "string", "format": "date-time"})
]
JsonObject = Annotated[
    dict[str, Any],
    PlainValidator(_object),
    WithJsonSchema({"type": "object", "additionalProperties": True}),
]
RunId = Annotated[str, BeforeValidator(_spelled), _text(50), AfterValidator(_kept)]
JsonValue = Annotated[Any, PlainValidator(_json_value), WithJsonSchema({})]
Address = Annotated[
    str, PlainValidator(_ip_address), WithJsonSchema({"type": "string", "format": "ipv4"})
]
ParentName = Annotated[
    str, PlainValidator(_parent_name), WithJsonSchema({"type": "string", "minLength": 1})
]
ParentKey = Annotated[
    int,
    PlainValidator(_parent_key),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_INTEGER}),
]
ParentUuid = Annotated[
    uuid.UUID,
    PlainValidator(_parent_uuid),
    WithJsonSchema({"type": "string", "format": "uuid"}),
]
UtcTime = Annotated[datetime, AfterValidator(lambda time: time.astimezone(UTC))]
"""A time as an answer shows it."""
