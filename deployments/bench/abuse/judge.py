"""What is counted against prodops: answers, ended parts, writes beyond a scope, secrets. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from deployments.bench.abuse.callers import Sender
from deployments.bench.abuse.inputs import HttpInput
from deployments.bench.abuse.sending import Answer
from deployments.bench.abuse.snapshot import Change, Snapshot, changes
from flows.common import actions
from flows.common.callers import Scope

_SERVER_ERROR: Final = 500
_UNAVAILABLE: Final = 503
_SHORTEST_SECRET: Final = 16
_OF_ANYBODY: Final = frozenset({"swf_applog"})
_OF_ADMINS: Final = frozenset({"api_user", "api_policy", "api_action"})
"""What the ops side's commands write, and no route does."""
_OF_PARTS: Final = frozenset({"swf_fastmon_files", "swf_systemagent"})
_OWNED: Final = frozenset({"pcs_prod_task", "pcs_prod_request"})
"""Whose rows are their makers' own (docs/explanation/border.md, `request`)."""
_ASKED_IN_VAIN: Final = 502
EXEMPT: Final = {
    ("server_errors", "GET /pcs/did/"): "says with 502 that Rucio did not answer (decision 0035)",
    ("server_errors", "GET /pcs/did/{scope}/{name}"): (
        "says with 502 that Rucio did not answer (decision 0035)"
    ),
    ("server_errors", "GET /panda/jobs/{pandaid}/payload-log/"): (
        "says with 502 that the fetch failed, as the original (ops contract section 1.4)"
    ),
    ("beyond_scope", "POST /login/"): "opens a session with the token that is sent, whoever sends",
    ("beyond_scope", "POST /api/logs/"): (
        "is open to anybody, as the original (fastmon contract section 3.5)"
    ),
    ("beyond_scope", "POST /logout/"): "ends the session that is sent, if one is",
    ("beyond_scope", "POST /api/messages/stream/"): (
        "reads: the original's stream answers any method alike (fastmon contract section 3.11)"
    ),
}
"""Checks that are switched off for an operation, each with its reason."""


class Kind(StrEnum):
    """What is counted: the figure's name."""

    SERVER_ERROR = "server_errors"
    ENDED_PART = "ended_parts"
    BEYOND_SCOPE = "beyond_scope"
    LEAK = "leaks"


@dataclass(frozen=True)
class Fault:
    """Something that is not as it must be."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass
class Judge:
    """Keeps what was found.

    Attributes:
        secrets: What no answer may hold, by its text; the value says what it is.
        guards: The scopes, by table, any of which permits to write it.
        users: What each user may do in whose name anybody asks here.
        statuses: How many answers of each status there were.
    """

    secrets: Mapping[str, str]
    guards: Mapping[str, frozenset[Scope]] = field(default_factory=dict)
    users: Mapping[str, frozenset[Scope]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def count(self, kind: Kind) -> int:
        """How many faults of a kind there are."""
        return sum(fault.kind is kind for fault in self.faults)

    def note(self, kind: Kind, text: str) -> None:
        """Keep a fault."""
        self.faults.append(Fault(kind, text))

    # ------------------------------------------------------------------ answers

    def answered(self, sender: Sender, given: HttpInput, answer: Answer) -> None:
        """Judge an answer."""
        self.statuses[answer.status] += 1
        by = f"{sender.label}: {given}"
        if _is_server_error(given, answer):
            self.note(Kind.SERVER_ERROR, f"{answer.status} for {by}: {answer.body[:300]!r}")
        if answer.status == 0 and (given.is_answered or answer.is_late):
            self.note(Kind.SERVER_ERROR, f"no answer ({answer.problem}) for {by}")
        if _is_beyond(sender, given, answer):
            self.note(Kind.BEYOND_SCOPE, f"{answer.status} for {by}")
        for name in self._leaked(sender, answer):
            self.note(Kind.LEAK, f"{name} is in the answer {answer.status} for {by}")

    def _leaked(self, sender: Sender, answer: Answer) -> Iterator[str]:
        text = answer.text
        for secret, name in self.secrets.items():
            if secret not in sender.secrets and len(secret) >= _SHORTEST_SECRET and secret in text:
                yield name

    # ------------------------------------------------------------------ tables

    def wrote(self, sender: Sender, before: Snapshot, after: Snapshot) -> None:
        """Judge what changed in the tables while one caller sent."""
        for change in changes(before, after):
            if why := self._against(sender, change):
                self.note(Kind.BEYOND_SCOPE, f"{sender.label}: {change}: {why}")

    def _against(self, sender: Sender, change: Change) -> str:
        if change.table in _OF_ADMINS:
            return "only the ops side's commands write that"
        if change.table == "request":
            return self._against_request(sender, change)
        if (against := _AGAINST.get(change.table)) is not None:
            return against(sender, change)
        return self._against_record(sender, change)

    def _against_request(self, sender: Sender, change: Change) -> str:
        after = change.after
        if after is None:
            return "requests are never deleted so soon"
        if change.before is not None or after.owner not in self.users:
            return ""  # the ops side carries it out, or asks itself
        if after.owner not in {sender.name, *sender.others}:
            return f"{sender.label} asked in another's name"
        scope = actions.get(after.about).scope
        return "" if scope in self.users[after.owner] else f"it takes the scope {scope}"

    def _against_record(self, sender: Sender, change: Change) -> str:
        scopes = self.guards.get(change.table)
        if scopes is None or change.table in _OF_ANYBODY or _is_of_a_part(change):
            return ""
        if not scopes & sender.scopes:
            return f"it takes the scope {' or '.join(sorted(scopes))}"
        before = change.before
        is_others = before is not None and before.owner != sender.name
        if change.table in _OWNED and is_others and Scope.OPERATE not in sender.scopes:
            return "it is another's, which takes the scope operate"
        return ""

    # ------------------------------------------------------------------ parts

    def ended(self, when: str, before: Mapping[int, str], after: Mapping[int, str]) -> None:
        """Judge which parts have ended, by the pids of their processes."""
        for pid in sorted(before.keys() - after.keys()):
            self.note(Kind.ENDED_PART, f"{before[pid]} (pid {pid}) ended during: {when}")


_MESSAGING: Final = frozenset({Scope.MESSAGE})


def _is_server_error(given: HttpInput, answer: Answer) -> bool:
    if answer.status == _ASKED_IN_VAIN:
        return (Kind.SERVER_ERROR.value, str(given.operation)) not in EXEMPT
    return answer.status >= _SERVER_ERROR and answer.status != _UNAVAILABLE


def _is_beyond(sender: Sender, given: HttpInput, answer: Answer) -> bool:
    """Whether a write was answered as done that takes a scope which the caller has not."""
    operation = given.operation
    if operation.is_safe or not 200 <= answer.status < 300:  # noqa: PLR2004 - success
        return False
    if given.method != operation.method or ("beyond_scope", str(operation)) in EXEMPT:
        return False
    if operation.scope is None:
        return True  # a write that asks for no scope at all
    return operation.scope not in sender.scopes


def _against_cancellation(sender: Sender, change: Change) -> str:
    if change.after is None or change.before is not None:
        return ""
    if change.after.owner not in {sender.name, *sender.others}:
        return f"{sender.label} cancelled in another's name"
    needed = Scope.REQUEST if change.after.about == sender.name else Scope.OPERATE
    return "" if needed in sender.scopes else f"it takes the scope {needed}"


def _against_token(sender: Sender, change: Change) -> str:
    """Whoever has a token makes and revokes their own, within its scopes (decision 0073)."""
    if not _own(sender, change):
        return "it is another's token"
    permits = {
        Scope(each) for row in (change.before, change.after) if row for each in row.about.split()
    }
    return "" if permits <= sender.scopes else "it permits more than the caller may"


def _against_session(sender: Sender, change: Change) -> str:
    return "" if _own(sender, change) else "it is another's session"


def _against_event(sender: Sender, change: Change) -> str:
    is_web = change.after is not None and not change.after.about
    return "" if not is_web or sender.scopes & _MESSAGING else "it takes the scope message"


_AGAINST: Final[dict[str, Callable[[Sender, Change], str]]] = {
    "api_session": _against_session,
    "api_token": _against_token,
    "cancellation": _against_cancellation,
    "event": _against_event,
}
"""Why a caller may not have changed a row, by its table; empty where it may."""


def _own(sender: Sender, change: Change) -> bool:
    row = change.after or change.before
    return row is not None and row.owner == sender.name


def _is_of_a_part(change: Change) -> bool:
    """Whether the sampler made the file, or a part says by the clock how it is."""
    row = change.after or change.before
    return change.table in _OF_PARTS and row is not None and bool(row.about)
