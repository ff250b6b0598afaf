"""Arguments of a call: read into the tool's form, or refused in words that name them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from api.http import fields
from api.http.tools.declaration import CONFIRM, WAIT, Tool
from blocks.errors import Invalid, Refused
from flows.common.database import now
from flows.common.text import unkeepable

LARGEST_ID: Final = 2**63 - 1
LARGEST_LIMIT: Final = 1000

Name = Annotated[str, Field(max_length=fields.LONGEST)]
"""A name that rows are found by."""
Text = Annotated[str, Field(max_length=500)]
"""Words that rows are searched for."""
IN_ANY_CASE: Final = BeforeValidator(
    lambda value: value.lower() if isinstance(value, str) else value
)
"""Of words in lower case: assistants write them in others, too."""
Time = Annotated[fields.Time, Field(description="ISO 8601; without a zone, in UTC.")]
Limit = Annotated[int, Field(ge=1, le=LARGEST_LIMIT, description="How many are answered at most.")]
User = Annotated[str, Field(max_length=85, description="Unset: you.")]
Offset = Annotated[int, Field(ge=0, le=LARGEST_ID, description="How many to leave out before.")]


def since(start_time: datetime | None, *, hours: float) -> datetime:
    """The time that was asked for, or so many hours ago."""
    return start_time if start_time is not None else now() - timedelta(hours=hours)


class Arguments:
    """The arguments of a call, as they came and in the tool's form."""

    def __init__(self, tool: Tool, given: Mapping[str, Any]) -> None:
        """Read the arguments.

        Raises:
            Invalid: They are not of the form; names each, and what is accepted.
            Refused: The tool wants to be confirmed.
        """
        self.form = read(tool.form, given, of=tool.name)
        if tool.confirm and not getattr(self.form, CONFIRM):
            raise Refused(
                f"{tool.name} {tool.confirm}. Ask the person whether that is wanted; if so, "
                "call it again with confirm=true."
            )
        self._sent = given

    @property
    def by_name(self) -> dict[str, Any]:
        """The values, without those that the function is not given."""
        names = type(self.form).model_fields.keys() - {CONFIRM, WAIT}
        return {name: getattr(self.form, name) for name in names}

    @property
    def wait_seconds(self) -> float:
        """How long the answer may be waited for."""
        return float(getattr(self.form, WAIT, 0))

    @property
    def zoneless(self) -> list[str]:
        """The names of the times that came without a zone."""
        return [name for name, value in self.by_name.items() if self._is_zoneless(name, value)]

    def _is_zoneless(self, name: str, value: object) -> bool:
        sent = self._sent.get(name)
        if not isinstance(value, datetime) or not isinstance(sent, str):
            return False
        return datetime.fromisoformat(sent).tzinfo is None


def read(form: type[BaseModel], given: Mapping[str, Any], *, of: str) -> BaseModel:
    """The arguments in the form of what takes them, a tool or a prompt.

    Raises:
        Invalid: They are not of the form; names each, and what is accepted.
    """
    sent = _without_left_out(form, given)
    known = list(form.model_fields)
    if unknown := {name: [_hint(name, known)] for name in sent if name not in known}:
        raise Invalid(unknown, of=of)
    if bad := {path: [why] for path, why in unkeepable(sent)}:
        raise Invalid(bad, of=of)
    try:
        return form.model_validate(sent)
    except ValidationError as error:
        raise Invalid(_texts(known, error), of=of) from None


def _without_left_out(form: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given, without what stands for none: assistants send "" for what they leave out."""
    optional = {name for name, info in form.model_fields.items() if not info.is_required()}
    return {
        name: value
        for name, value in given.items()
        if name not in optional or value not in ("", None)
    }


def _hint(name: str, known: list[str]) -> str:
    if not known:
        return "There is no such argument. There is none."
    close = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {close[0]}?" if close else ""
    return f"There is no such argument.{meant} Accepted are: {', '.join(known)}."


def _texts(known: list[str], error: ValidationError) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for name, text in _errors(known, error):
        texts.setdefault(name, []).append(text)
    return texts


def _errors(known: list[str], error: ValidationError) -> Iterator[tuple[str, str]]:
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"]) or "arguments"
        if item["type"] == "missing":
            yield name, f"This argument is required; accepted are: {', '.join(known)}."
        else:
            yield name, str(item["msg"]).removeprefix("Value error, ")
