"""Who sends: a token of each scope, a browser's session, a proxied user, and nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx

from api.http.access import SESSION_COOKIE
from deployments.bench.abuse.inputs import Headers
from deployments.bench.common.stack import BenchBroken, BenchStack
from flows.common import access
from flows.common.callers import DEFAULT, Scope, with_included
from flows.common.database import transaction

NAMES: Final = ("nobody", "read", "admin", "message", "request", "session", "proxied", "operate")
"""The callers, those who may write least first: what they change is told apart best."""


@dataclass(frozen=True)
class Sender:
    """One who sends.

    Attributes:
        label: What it is called in the report.
        name: Its user; empty for nobody.
        scopes: What it may do.
        headers: What proves it.
        secrets: What it knows itself, and may be told.
        others: Further users in whose names it can ask.
    """

    label: str
    name: str = ""
    scopes: frozenset[Scope] = frozenset()
    headers: Headers = ()
    secrets: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()


def make_senders(running: BenchStack) -> list[Sender]:
    """Every kind of caller, in the order of :data:`NAMES`."""
    made = {each.label: each for each in _made(running)}
    return [made[label] for label in NAMES]


def _made(running: BenchStack) -> Iterator[Sender]:
    yield Sender("nobody")
    for scope in Scope:
        key, scopes = _token(running, f"abuse-{scope}", frozenset({scope}))
        proof = (("Authorization", f"Token {key}"),)
        yield Sender(scope.value, f"abuse-{scope}", scopes, proof, frozenset({key}))
    key, scopes = _token(running, "abuse-session", DEFAULT)
    secret = _signed_in(running, key)
    proof = (("Cookie", f"{SESSION_COOKIE}={secret}"),)
    yield Sender("session", "abuse-session", scopes, proof, frozenset({key, secret}))
    with transaction(running.engine) as session:
        user = access.set_user(session, "abuse-proxied", {Scope.REQUEST}, None)
        proxied = with_included(user.scopes)
    yield Sender("proxied", "abuse-proxied", proxied, (("X-Remote-User", "abuse-proxied"),))


def _token(
    running: BenchStack, owner: str, scopes: frozenset[Scope]
) -> tuple[str, frozenset[Scope]]:
    with transaction(running.engine) as session:
        return access.create_token(session, owner, scopes=scopes), with_included(scopes)


def _signed_in(running: BenchStack, key: str) -> str:
    answer = httpx.post(f"{running.stack.api_url}/login/", json={"token": key})
    secret = answer.cookies.get(SESSION_COOKIE)
    if not secret:
        raise BenchBroken(f"signing in with a token was answered {answer.status_code}")
    return secret
