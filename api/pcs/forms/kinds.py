"""The kinds of fields in the bodies that the embedded PCS takes, and how each refuses."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from api.http.fields import MAX_INTEGER, NO_NUL, refuse
from api.pcs.domain import effective, names, value_forms
from flows.common.text import HALF, NUL, unkeepable

MAX_ID: Final = 2**63 - 1
_READ_ONLY: Final = "This field is set by PCS itself and cannot be written."
_NOT_TEXT: Final = "Not a valid string."
_NOT_BOOLEAN: Final = "Must be a valid boolean."
_TEXTS: Final = {NUL: NO_NUL, HALF: "Surrogate characters are not allowed."}


def _never(_value: object) -> object:
    raise refuse(_READ_ONLY)


def _keepable(value: Any) -> Any:
    for path, why in unkeepable(value):
        raise refuse(f"{path}: {why}" if path else _TEXTS.get(why, why))
    return value


def _text_only(value: object) -> object:
    if value is not None and not isinstance(value, str):
        raise refuse(_NOT_TEXT)
    return value


def _bool_only(value: object) -> object:
    if value is not None and not isinstance(value, bool):
        raise refuse(_NOT_BOOLEAN)
    return value


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise refuse("A valid number is required.")
    return value


def of_form(form: Any, *, may_be_empty: bool = True) -> AfterValidator:
    """A check of a text against one of the forms; an empty one passes unless it may not."""

    def check(value: Any) -> Any:
        is_empty = value is None or value == ""
        if is_empty and may_be_empty:
            return value
        if why := form.problem(value):
            raise refuse(why)
        return value

    return AfterValidator(check)


def _task_name(value: str) -> str:
    if why := names.task_name_problem(value):
        raise refuse(why)
    return value


def _sample(value: str) -> str:
    if value and (why := names.sample_problem(value)):
        raise refuse(why)
    return value


def _did(value: str) -> str:
    if why := effective.did_problem(value):
        raise refuse(why)
    return value


ReadOnly = Annotated[
    None, BeforeValidator(_never), WithJsonSchema({"readOnly": True, "type": "null"})
]
Line = Annotated[str, BeforeValidator(_text_only), AfterValidator(_keepable)]
Long = Annotated[Line, Field(max_length=20_000)]
Flag = Annotated[bool, BeforeValidator(_bool_only)]
Whole = Annotated[int, BeforeValidator(_no_bool)]
JediTaskId = Annotated[Whole, Field(ge=1, le=MAX_ID)]
RowId = Annotated[Whole, Field(ge=1, le=MAX_INTEGER)]
Key = Annotated[
    int | str,
    BeforeValidator(_no_bool),
    AfterValidator(_keepable),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string"}]}),
]
Segment = Annotated[Line, of_form(value_forms.SEGMENT, may_be_empty=False)]
Anything = Annotated[Any, AfterValidator(_keepable)]
TaskName = Annotated[
    Line, of_form(value_forms.TASK_NAME, may_be_empty=False), AfterValidator(_task_name)
]
SampleName = Annotated[Line, of_form(value_forms.SEGMENT), AfterValidator(_sample)]
Did = Annotated[Line, AfterValidator(_did)]
Hours = Annotated[Decimal, BeforeValidator(_no_bool), Field(gt=0, lt=10_000, decimal_places=2)]
