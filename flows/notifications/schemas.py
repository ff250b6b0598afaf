"""Forms of what people may set: rules, watches, and their address."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

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

    @model_validator(mode="after")
    def _is_of_an_alarm(self) -> Self:
        """The options of an alarm, and the name of its kind, are known ones."""
        if self.what is What.ALARM:
            AlarmOptions.model_validate(self.options)
            if self.name and self.name not in set(AlarmKind):
                raise ValueError(f"there is no alarm {self.name!r}; there are: {_ALARM_KINDS}")
        elif self.options:
            raise ValueError("only a rule on alarms has options")
        return self

    def columns(self) -> dict[str, Any]:
        """The columns of its row, but for channel and author."""
        return self.model_dump(mode="json", exclude={"channel"})


class WatchForm(_Form):
    """What somebody wants to be told of, once."""

    kind: SubjectKind = Field(description="What kind of thing.")
    subject: Annotated[
        Text, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)
    ] = Field(description="Which one: a task's stored name, a DID, a campaign, a path, a number.")
    watch_for: WatchFor = Field(description="What is waited for.")
    channel: _Name | None = Field(
        None, description="A channel that is open to watchers; null: your own address."
    )

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.watch_for not in WATCHABLE[self.kind]:
            known = ", ".join(WATCHABLE[self.kind])
            raise ValueError(f"a {self.kind} can be watched for: {known}")
        if self.kind is SubjectKind.REQUEST and not re.fullmatch("[0-9]{1,18}", self.subject):
            raise ValueError("a request is named by its number")
        return self


class AddressForm(_Form):
    """The address that your own messages go to."""

    email: Email = Field(description="Your mail address.", examples=["anna@example.org"])
