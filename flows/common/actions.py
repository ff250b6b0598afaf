"""Actions: what may be requested. Each capability folder declares its own in ``actions.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session

from blocks.errors import Invalid, NotFound
from flows.common import capabilities
from flows.common.callers import Caller, Scope
from flows.common.events import NewEvent
from flows.common.models import Request
from flows.common.text import unkeepable

_EVALUATED: Final = frozenset({"$ref", "__prefect_kind"})


class OnLost(StrEnum):
    """What to do with a request whose run was lost (killed, timed out, machine gone)."""

    RERUN = "rerun"
    """Run it again: its effects are all inside the database, and fenced."""
    UNKNOWN = "unknown"
    """Its outside effect may have happened: it is run again until its flow has found the truth."""
    FAIL = "fail"
    """Say that it failed: the caller decides."""


_NICE: Final = 5  # a third of an equal share, where others want all of it
_BACKGROUND_NICE: Final = 10  # a tenth


class UnknownAction(NotFound):
    """There is no action of that name."""


class Nothing(BaseModel):
    """Nothing to choose."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing that can be requested, and the promises of its flow.

    Attributes:
        name: Name of the action, of its deployment, and of the function that is its flow.
        summary: One sentence for people and assistants.
        parameters: Form of the parameters, which are the flow's arguments.
        dedup_key: Key under which only one request is open at a time; None: any number.
        subject: What it is about, for people and for the stream's `subject` filter.
        timeout_seconds: When the guardian ends the run, whatever it is doing.
        schedule: When it is run by itself: a cron line, in UTC; None: never.
        is_scheduled: Whether that schedule is in force, by the settings.
        runs_at_a_time: How many runs Prefect lets run at a time, in all workers; None: any.
        on_lost: What becomes of a request whose run was lost.
        verb: What its runs do, in two or three words that come before the subject in their names;
            empty: the action's name.
        guidance: When to ask for it and when not, in a few sentences of Markdown.
        campaign: The campaign that it is about, where its form says so.
        pages: Label and path of the monitor's pages about its form and its result.
        table: The rows of its result, where that is a table.
        at_a_time: How many of its requests are worked on at a time, in all workers; None: any.
        scope: What a caller must have to request it at all; the gate may want more.
        gate: Raises `Refused` or `Forbidden` where the caller's request may not be accepted;
            same transaction.
        a_minute: How many of its requests are begun in a minute, in all workers; None: any.
        is_look: Whether opening a page asks for it: one that waits for long ends, as nobody looks
            any more.
        is_background: Whether nobody waits for it: it leaves free what a worker keeps for people,
            and the processor to them.
        is_live: Whether its work is watched as it comes: it has the processor as the parts have.
        owed: Parameters of requests that ought to be open, though none is: the sweeper opens them.
        ended: Events that announce the end of a request, or of its run, whose flow could not.
        refused: Events that announce that what was asked for by the bus was not accepted, and why.
    """

    name: str
    summary: str
    parameters: type[BaseModel]
    dedup_key: Callable[[Any], str | None]
    subject: Callable[[Any], str | None]
    timeout_seconds: float
    on_lost: OnLost
    verb: str | Callable[[Any], str] = ""
    guidance: str = ""
    campaign: Callable[[Any], str | None] = lambda _parameters: None
    pages: Callable[[Any, dict[str, Any]], Sequence[tuple[str, str]]] = lambda _form, _result: ()
    table: Callable[[dict[str, Any]], Sequence[dict[str, Any]]] = lambda _result: ()
    schedule: str | None = None
    is_scheduled: Callable[[], bool] = lambda: True
    runs_at_a_time: int | None = None
    at_a_time: Callable[[], int | None] = lambda: None
    scope: Scope = Scope.OPERATE
    gate: Callable[[Session, Any, Caller], None] = lambda _session, _parameters, _caller: None
    a_minute: Callable[[], int | None] = lambda: None
    is_look: bool = False
    is_background: bool = False
    is_live: bool = False
    owed: Callable[[Session], Sequence[BaseModel]] = lambda _session: ()
    ended: Callable[[Session, Request], Sequence[NewEvent]] = lambda _session, _request: ()
    refused: Callable[[Any, str], Sequence[NewEvent]] = lambda _parameters, _reason: ()

    @property
    def nice(self) -> int:
        """By how much its runs leave the processor to others, as `nice` counts.

        Pages and the stream come before the runs, whose many processes would leave them little.
        """
        if self.is_live:
            return 0
        return _BACKGROUND_NICE if self.is_background else _NICE

    @property
    def flow_name(self) -> str:
        """Name of the flow at Prefect."""
        return self.name.replace("_", "-")

    def verb_of(self, parameters: Any) -> str:
        """What a run with these parameters does, in two or three words."""
        verb = self.verb if isinstance(self.verb, str) else self.verb(parameters)
        return verb or self.name.replace("_", " ")

    def parse(self, parameters: object) -> BaseModel:
        """The parameters in their form.

        Raises:
            Invalid: They are not of it.
        """
        if bad := {path or "parameters": [why] for path, why in unkeepable(parameters)}:
            raise Invalid(bad, of=self.name)
        if bad := {path: ["has a meaning to Prefect"] for path in _evaluated(parameters)}:
            raise Invalid(bad, of=self.name)
        try:
            return self.parameters.model_validate(parameters)
        except ValidationError as error:
            fields: dict[str, list[str]] = {}
            for item in error.errors():
                name = ".".join(str(part) for part in item["loc"]) or "parameters"
                fields.setdefault(name, []).append(item["msg"])
            raise Invalid(fields, of=self.name) from None


def _evaluated(value: object, path: str = "") -> Iterator[str]:
    """The paths of what Prefect would evaluate in a run's parameters, on the ops side.

    Source: Prefect 3.9, `prefect/flows.py` (``$ref``: a block) and
    `prefect/utilities/schema_tools/hydration.py` (``__prefect_kind``: a template, a variable).
    """
    if isinstance(value, dict):
        for key, item in value.items():
            below = f"{path}.{key}" if path else str(key)
            if key in _EVALUATED:
                yield below
            yield from _evaluated(item, below)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _evaluated(item, f"{path}.{index}")


@lru_cache(maxsize=1)
def all_actions() -> dict[str, Action]:
    """Every action of every capability, by name."""
    found = [action for module in capabilities.modules("actions") for action in module.ACTIONS]
    return {action.name: action for action in sorted(found, key=lambda each: each.name)}


@lru_cache(maxsize=1)
def entrypoints() -> dict[str, str]:
    """The flow of every action, as ``package.module:function``: its name, in ``flow`` beside it."""
    return {
        action.name: f"{module.__package__}.flow:{action.name}"
        for module in capabilities.modules("actions")
        for action in module.ACTIONS
    }


def get(name: str) -> Action:
    """The action `name`.

    Raises:
        UnknownAction: There is none.
    """
    try:
        return all_actions()[name]
    except KeyError:
        known = ", ".join(all_actions())
        raise UnknownAction(f"there is no action {name!r}; there are: {known}") from None
