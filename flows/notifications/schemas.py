"""Forms of what people may set: rules, watches, and their address."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from flows.common.text import Text
from flows.notifications.alarms.options import AlarmKind, AlarmOptions
from flows.notifications.domain.words import WATCHABLE, Outcome, SubjectKind, WatchFor, What

_Name = Annotated[Text, StringConstraints(max_length=150, strip_whitespace=True)]
Email = Annotated[
    str,
    StringConstraints(
        min_length=3,
        max_length=254,
        strip_whitespace=True,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])$",
    ),
]
_ALARM_KINDS: Final = ", ".join(AlarmKind)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RuleForm(_Form):
    """What is to be told, and where to. An empty condition matches everything."""

    channel: _Name | None = Field(
        None, description="Name of the channel; null: the owner's own address."
    )
    what: What = Field(description="What it is about: the end of an action, an event, an alarm.")
    name: Annotated[Text, StringConstraints(max_length=100, strip_whitespace=True)] = Field(
        "", description="The action, the type of the event or the kind of the alarm; empty: any."
    )
    outcome: Outcome | None = Field(None, description="How it came out; null: however.")
    requester: _Name = Field("", description="Who asked for it.")
    owner: _Name = Field("", description="Whose task it is about.")
    campaign: Annotated[Text, StringConstraints(max_length=100, strip_whitespace=True)] = Field(
        "", description="The campaign."
    )
    subject: Annotated[Text, StringConstraints(max_length=500, strip_whitespace=True)] = Field(
        "", description="What it is about, with * and ? for what does not matter."
    )
    options: dict[str, bool | int | float | Text] = Field(
        default_factory=dict, max_length=10, description="Of an alarm: its limits."
    )
    is_enabled: bool = Field(True, description="Whether it is in force.")

    @field_validator("name")
    @classmethod
    def _is_an_alarm(cls, name: str, info: ValidationInfo) -> str:
        if name and info.data.get("what") is What.ALARM and name not in set(AlarmKind):
            raise ValueError(f"there is no alarm {name!r}; there are: {_ALARM_KINDS}")
        return name

    @field_validator("options")
    @classmethod
    def _are_of_an_alarm(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if options and info.data.get("what") is not What.ALARM:
            raise ValueError("only a rule on alarms has options")
        AlarmOptions.model_validate(options)
        return options

    def columns(self) -> dict[str, Any]:
        """The columns of its row, but for channel and author."""
        return self.model_dump(mode="json", exclude={"channel"})


class WatchForm(_Form):
    """What somebody wants to be told of, once."""

    kind: SubjectKind = Field(description="What kind of thing.")
    subject: Annotated[
        Text, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)
    ] = Field(description="Which one: a task by any name, a DID, a campaign, a path, a number.")
    watch_for: WatchFor = Field(description="What is waited for.")
    channel: _Name | None = Field(
        None, description="A channel that is open to watchers; null: your own address."
    )

    @field_validator("subject")
    @classmethod
    def _names_one(cls, subject: str, info: ValidationInfo) -> str:
        if info.data.get("kind") is SubjectKind.REQUEST and not re.fullmatch(
            "[0-9]{1,18}", subject
        ):
            raise ValueError("a request is named by its number")
        return subject

    @field_validator("watch_for")
    @classmethod
    def _can_be(cls, wanted: WatchFor, info: ValidationInfo) -> WatchFor:
        kind = info.data.get("kind")
        if kind is not None and wanted not in WATCHABLE[kind]:
            known = ", ".join(WATCHABLE[kind])
            raise ValueError(f"a {kind} can be watched for: {known}")
        return wanted


class AddressForm(_Form):
    """The address that your own messages go to."""

    email: Email = Field(description="Your mail address.", examples=["anna@example.org"])
