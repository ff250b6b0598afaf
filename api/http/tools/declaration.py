"""How a tool is declared: a function of a call and its arguments, in `api/<capability>/tools.py`.

The arguments' types make the form that assistants see; the docstring tells them when to use it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from api.http import folders
from api.http.tools.calls import Call
from api.http.tools.waiting import Answer, Pending, pending_request
from blocks.errors import ProdOpsError
from flows.common.callers import Scope

Function = TypeVar("Function", bound=Callable[..., Any])
CONFIRM: Final = "confirm"
_WAITING: Final = "Answer once it has ended, or after so many seconds."
WAIT: Final = "wait_seconds"
_MOST_WAIT_SECONDS: Final = 30  # proxies give up after 60
Advice = Mapping[type[ProdOpsError], str]
"""What to do next, by kind of error; the nearest class counts."""
Reread = Callable[[Call, Answer], Any]
"""Gives the answer anew, of the call and the answer so far."""


class ToolNameTaken(ProdOpsError):
    """Two tools have one name, and an assistant could mean either."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that assistants call.

    Attributes:
        name: What it is called by.
        aliases: Other names of the same tool: the original's.
        description: When to use it and when not, in one to three sentences.
        function: Gives the answer, a model or a mapping: of a `Call`, then the arguments.
        form: The arguments; what it does not know is refused.
        takes_form: Whether the function is given the form as a whole.
        scope: What a caller must have.
        writes: Whether it changes anything.
        is_destructive: Whether what it changes cannot be had back.
        is_idempotent: Whether the same call again changes nothing more.
        confirm: What it does that the person is to agree to first; empty: nothing.
        reread: Gives its answer anew, so that it may wait for an end; None: it does not wait.
        pending: What an answer still waits for.
        advice: What to do about an error whose own text, which REST shares, does not say it.
    """

    name: str
    aliases: tuple[str, ...]
    description: str
    function: Callable[..., Any]
    form: type[BaseModel]
    takes_form: bool
    scope: Scope
    writes: bool
    is_destructive: bool
    is_idempotent: bool
    confirm: str
    reread: Reread | None
    pending: Callable[[Answer], Pending | None]
    advice: Advice

    @property
    def names(self) -> tuple[str, ...]:
        """All its names."""
        return (self.name, *self.aliases)


@dataclass
class Toolbox:
    """The tools of a module, in order; `toolbox` in `api/<capability>/tools.py`.

    Attributes:
        advice: What to do about an error whose own text, which REST shares, does not say it.
    """

    advice: Advice = field(default_factory=dict)
    tools: list[Tool] = field(default_factory=list)

    def tool(
        self,
        name: str,
        *aliases: str,
        scope: Scope = Scope.READ,
        writes: bool | None = None,
        is_destructive: bool = False,
        is_idempotent: bool = False,
        confirm: str = "",
        reread: Reread | None = None,
        pending: Callable[[Answer], Pending | None] = pending_request,
        wait_seconds: float = 0,
    ) -> Callable[[Function], Function]:
        """Declare the function as a tool.

        Args:
            name: What it is called by.
            *aliases: Other names of the same tool.
            scope: What a caller must have; gates may want more.
            writes: Whether it changes anything; unset: where it takes more than reading.
            is_destructive: Whether what it changes cannot be had back.
            is_idempotent: Whether the same call again changes nothing more.
            confirm: What it does that the person is to agree to first, as the end of the sentence
                "Confirm that it …"; adds the argument `confirm`.
            reread: Gives the answer anew while it waits; adds the argument `wait_seconds`.
            pending: What an answer still waits for, by default its request.
            wait_seconds: How long it waits unless told otherwise.
        """

        def declared(function: Function) -> Function:
            waits = wait_seconds if reread is not None else None
            takes_form, form = _form_of(function, confirm, wait_seconds=waits)
            self.tools.append(
                Tool(
                    name=name,
                    aliases=aliases,
                    description=_description(function, scope),
                    function=function,
                    form=form,
                    takes_form=takes_form,
                    scope=scope,
                    writes=scope is not Scope.READ if writes is None else writes,
                    is_destructive=is_destructive,
                    is_idempotent=is_idempotent,
                    confirm=confirm,
                    reread=reread,
                    pending=pending,
                    advice=self.advice,
                )
            )
            return function

        return declared


def all_tools() -> list[Tool]:
    """Every tool of every capability, by name.

    Raises:
        ToolNameTaken: Two of them have one name.
    """
    found: dict[str, Tool] = {}
    tools = sorted(_declared(), key=lambda each: each.name)
    for tool in tools:
        for name in tool.names:
            if name in found:
                raise ToolNameTaken(f"two tools have the name {name}; rename one of them")
            found[name] = tool
    return tools


def _declared() -> Iterator[Tool]:
    for module in folders.modules("tools"):
        toolbox = getattr(module, "toolbox", None)
        if isinstance(toolbox, Toolbox):
            yield from toolbox.tools


def _description(function: Callable[..., Any], scope: Scope) -> str:
    text = " ".join((inspect.getdoc(function) or "").split())
    return text if scope is Scope.READ else f"{text} Takes the scope {scope}."


def _form_of(
    function: Callable[..., Any], confirm: str, *, wait_seconds: float | None
) -> tuple[bool, type[BaseModel]]:
    """Whether the function takes a form as a whole, and the form of its arguments."""
    hints = get_type_hints(function, include_extras=True)
    assert hints.get(next(iter(inspect.signature(function).parameters))) is Call  # noqa: S101 - else a tool is declared wrong
    arguments = list(inspect.signature(function).parameters.values())[1:]
    forms = [hints[each.name] for each in arguments if _is_form(hints[each.name])]
    fields: dict[str, Any] = {}
    if confirm:
        fields[CONFIRM] = (bool, Field(False, description=f"True, to confirm that it {confirm}."))
    if wait_seconds is not None:
        waits = Field(wait_seconds, ge=0, le=_MOST_WAIT_SECONDS, description=_WAITING)
        fields[WAIT] = (float, waits)
    if forms:
        [form] = forms
        return True, create_model(form.__name__, __base__=form, **fields) if fields else form
    return False, form_of(function, arguments, **fields)


def form_of(
    function: Callable[..., Any], arguments: Iterable[inspect.Parameter], **fields: Any
) -> type[BaseModel]:
    """The form of a function's arguments; what it does not know is refused.

    Args:
        function: Has the arguments.
        arguments: Those that are in the form.
        **fields: More fields, which come first.
    """
    hints = get_type_hints(function, include_extras=True)
    for each in arguments:
        default = ... if each.default is inspect.Parameter.empty else each.default
        fields[each.name] = (hints[each.name], default)
    name = "".join(word.title() for word in function.__name__.split("_"))
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _is_form(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)
