"""The kinds of fields in the bodies that the embedded PCS takes, and how each refuses."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from api.http.fields import MAX_BIG_INTEGER, MAX_INTEGER, NO_NUL, NO_SURROGATES, refuse
from api.pcs.domain import effective, names, value_forms
from flows.common.text import HALF, NUL, unkeepable

_TEXTS: Final = {NUL: NO_NUL, HALF: NO_SURROGATES}


def _keepable(value: Any) -> Any:
    for path, why in unkeepable(value):
        raise refuse(f"{path}: {why}" if path else _TEXTS.get(why, why))
    return value


def _only(kind: type, text: str) -> BeforeValidator:
    """Nothing is converted to the kind: what is not of it is refused in these words."""

    def check(value: object) -> object:
        if value is not None and not isinstance(value, kind):
            raise refuse(text)
        return value

    return BeforeValidator(check)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise refuse("A valid number is required.")
    return value


def _without(problem: Callable[[str], str | None], *, may_be_empty: bool) -> AfterValidator:
    """A check of a text that may have no such problem; an empty one passes where it may."""

    def check(value: Any) -> Any:
        is_left_empty = may_be_empty and (value is None or value == "")
        if not is_left_empty and (why := problem(value)):
            raise refuse(why)
        return value

    return AfterValidator(check)


def of_form(form: value_forms.AnyForm, *, may_be_empty: bool = True) -> AfterValidator:
    """A check of a text against one of the forms; an empty one passes unless it may not."""
    return _without(form.problem, may_be_empty=may_be_empty)


ReadOnly = Annotated[Any, WithJsonSchema({"readOnly": True})]
"""What may come back as it was read, and is refused where it is another value."""
Line = Annotated[str, _only(str, "Not a valid string."), AfterValidator(_keepable)]
Sheet = Annotated[str, _only(str, "Not a valid string.")]
"""The text of a table, whose rows are judged one by one."""
Line100 = Annotated[Line, Field(max_length=100)]
Line300 = Annotated[Line, Field(max_length=300)]
Line500 = Annotated[Line, Field(max_length=500)]
Long = Annotated[Line, Field(max_length=20_000)]
Word = Annotated[Line, of_form(value_forms.NAME)]
Word100 = Annotated[Line100, of_form(value_forms.NAME)]
Flag = Annotated[bool, _only(bool, "Must be a valid boolean.")]
Whole = Annotated[int, BeforeValidator(_no_bool)]
Priority = Annotated[Whole, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
JediTaskId = Annotated[Whole, Field(ge=1, le=MAX_BIG_INTEGER)]
Count = Annotated[Whole, Field(ge=0, le=MAX_INTEGER)]
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
    Line,
    of_form(value_forms.TASK_NAME, may_be_empty=False),
    _without(names.task_name_problem, may_be_empty=False),
]
SampleName = Annotated[
    Line, of_form(value_forms.SEGMENT), _without(names.sample_problem, may_be_empty=True)
]
Did = Annotated[Line, _without(effective.did_problem, may_be_empty=False)]
Hours = Annotated[Decimal, BeforeValidator(_no_bool), Field(gt=0, lt=10_000, decimal_places=2)]
