"""Callers: who asks for something, by what, and what they may do. Every gate is given one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from blocks.errors import Forbidden


class Scope(StrEnum):
    """What somebody may do. Whoever may do more than read may read."""

    READ = "read"
    MESSAGE = "message"
    """What agents do: send messages, keep the agents' records."""
    REQUEST = "request"
    """Ask for what is one's own."""
    OPERATE = "operate"
    """Also what is others': their tasks and requests, sweeps for all, registration."""
    ADMIN = "admin"
    """Say who may do what."""


class Means(StrEnum):
    """By what a caller is known."""

    TOKEN = "token"  # noqa: S105 - a means, no secret
    SESSION = "session"
    """Signed in with a token, in a browser."""
    PROXY = "proxy"
    """Named by a trusted proxy."""
    VISITOR = "visitor"
    """A page's cookie, which only follows the stream."""
    COMMAND = "command"
    """A user of the ops side's machine."""
    BUS = "bus"
    """By a message of the bus, whose broker has checked the login."""
    SCHEDULE = "schedule"
    """The ops side itself."""
    NOTHING = "nothing"


_INCLUDED: Final[dict[Scope, frozenset[Scope]]] = {
    Scope.READ: frozenset(),
    Scope.MESSAGE: frozenset({Scope.READ}),
    Scope.REQUEST: frozenset({Scope.READ}),
    Scope.OPERATE: frozenset({Scope.READ, Scope.REQUEST}),
    Scope.ADMIN: frozenset({Scope.READ}),
}
ALL: Final = frozenset(Scope)
DEFAULT: Final = frozenset({Scope.READ, Scope.MESSAGE, Scope.REQUEST})
"""What a new token may do."""


def with_included(scopes: Iterable[str]) -> frozenset[Scope]:
    """The scopes, with those that they include.

    Raises:
        ValueError: One is not a scope.
    """
    given = {Scope(each) for each in scopes}
    return frozenset(given.union(*(_INCLUDED[each] for each in given)))


def in_order(scopes: Iterable[Scope]) -> list[str]:
    """The scopes as texts, from reading to administration, as they are kept and shown."""
    held = frozenset(scopes)
    return [each.value for each in Scope if each in held]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the database itself checks before it takes a caller's word.

    Attributes:
        means: Token, session or proxy.
        value: The token's key, the session's secret, or the name that the proxy gave.
    """

    means: Means
    value: str = field(repr=False)


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        name: The user; empty for nobody and for a visitor.
        means: By what the caller is known.
        scopes: What the caller may do.
        service: The named service that asks, for the user or for itself; empty where none does.
        proof: What the web tier shows to the database; None on the ops side.
    """

    name: str
    means: Means
    scopes: frozenset[Scope] = frozenset()
    service: str = ""
    proof: Proof | None = field(default=None, repr=False, compare=False)

    @property
    def is_known(self) -> bool:
        """Whether it is known who asks."""
        return bool(self.name)

    def may(self, scope: Scope) -> bool:
        """Whether the caller has the scope."""
        return scope in self.scopes

    def require(self, scope: Scope, what: str = "This") -> None:
        """Let pass whoever has the scope.

        Args:
            scope: What it takes.
            what: What takes it, as the begin of the sentence that refuses.

        Raises:
            Forbidden: The caller has it not; says who can give it.
        """
        if scope not in self.scopes:
            raise ScopeMissing(self, scope, what)

    def require_own(self, owner: str, what: str) -> None:
        """Let pass the owner who may ask for what is theirs, and whoever may operate.

        Raises:
            Forbidden: The caller is neither.
        """
        self.require(Scope.REQUEST if self.name == owner else Scope.OPERATE, what)

    def speaking_for(self, name: str) -> Caller:
        """The caller in the name of another, as only a named service may ask; empty: itself.

        Raises:
            Forbidden: The caller is not a service, and not of that name.
        """
        if name in {"", self.name}:
            return self
        if not self.service:
            raise Forbidden(
                f"Only a named service may speak for another ({name}); you are {self.name}."
            )
        return Caller(name, self.means, self.scopes, self.service, self.proof)


class ScopeMissing(Forbidden):
    """The caller has not the scope that this takes."""

    def __init__(self, caller: Caller, scope: Scope, what: str) -> None:
        """Say which scope is missing and who can give it."""
        self.scope = scope
        self.details = {"missing_scope": scope.value}
        super().__init__(f"{what} takes the scope {scope}, {_without(caller, scope)}")


def _without(caller: Caller, scope: Scope) -> str:
    match caller.means:
        case Means.TOKEN | Means.SESSION:
            who = caller.service or caller.name
            held = f"which this token of {who} has not"
            command = f"prodops token create {who} --scope {scope}"
        case Means.PROXY:
            held = f"which {caller.name} has not"
            command = f"prodops user set {caller.name} --scope {scope}"
        case _:
            return "and nobody is known to ask; send a token, or sign in with one"
    return f"{held}; an operator of the ops side gives it: {command}"


NOBODY: Final = Caller("", Means.NOTHING)
BUS: Final = "bus"
"""The named service that asks for what messages ask for."""
VISITOR: Final = Caller("", Means.VISITOR)


def on_bus(name: str, scopes: Iterable[Scope]) -> Caller:
    """A caller that a message of the bus names; the bus itself is the service that asks."""
    return Caller(name or BUS, Means.BUS, with_included(scopes), BUS)


def on_ops_side(name: str, means: Means = Means.COMMAND) -> Caller:
    """A caller of the ops side, who may do everything."""
    return Caller(name, means, ALL)
