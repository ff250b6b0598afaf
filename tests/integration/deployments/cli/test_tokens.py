"""`prodops token`: what a new one permits, and that a revoked one opens nothing."""

from __future__ import annotations

from typing import Any

import pytest

from flows.common import access, own_tokens
from flows.common.callers import Means, Proof, Scope
from flows.common.database import transaction

pytestmark = pytest.mark.integration

PERMITS = {
    "": ["read", "message", "request"],
    "--scope operate": ["read", "message", "request", "operate"],
    "--only --scope read": ["read"],
    "--only --scope operate": ["read", "request", "operate"],
    "--only --scope message --scope admin": ["read", "message", "admin"],
}


def caller(database, key: str):
    """Who the database says shows the key, asked as the web tier asks."""
    with transaction(database.web_engine) as session:
        return access.caller_of(session, Proof(means=Means.TOKEN, value=key))


def listed(prodops) -> list[dict[str, Any]]:
    """Ann's tokens: the stack has one of its own."""
    return [row for row in prodops("token list --json") if row["owner"] == "ann"]


def test_a_token_permits_what_it_was_made_with_and_its_key_is_shown_once(prodops, database):
    keys = []
    for options, scopes in PERMITS.items():
        made = prodops(f"token create ann {options} --note 'for {options}' --json")
        assert (made["owner"], made["scopes"]) == ("ann", scopes)
        assert sorted(caller(database, made["token"]).scopes) == sorted(scopes)
        keys.append(made["token"])
    text = prodops("token list")
    assert not any(key in text for key in keys)
    kept = {row["note"]: row["scopes"].split() for row in listed(prodops)}
    assert kept == {f"for {options}": scopes for options, scopes in PERMITS.items()}


def test_a_revoked_token_is_listed_as_one_and_opens_nothing(prodops, database):
    kept, revoked = (prodops("token create ann --json")["token"] for _ in range(2))
    number = listed(prodops)[1]["id"]
    assert f"token {number} of ann is revoked" in prodops(f"token revoke {number}")
    assert [bool(row["revoked"]) for row in listed(prodops)] == [False, True]
    assert (caller(database, kept).name, caller(database, revoked)) == ("ann", None)
    when = listed(prodops)[1]["revoked"]
    prodops(f"token revoke {number}")  # once more changes nothing
    assert listed(prodops)[1]["revoked"] == when


def test_a_token_is_revoked_with_those_that_were_made_with_it(prodops, database):
    first = prodops("token create ann --days 7 --json")["token"]
    with transaction(database.web_engine) as session:
        asks = access.caller_of(session, Proof(means=Means.TOKEN, value=first))
        made = own_tokens.create(session, asks, note="", scopes={Scope.READ}, days=1)
    old, new = (row["id"] for row in listed(prodops))
    said = prodops(f"token revoke {old} --with-made")
    assert (f"token {old} of ann" in said, f"token {new} of ann" in said) == (True, True)
    assert (caller(database, first), caller(database, made.key)) == (None, None)
    assert listed(prodops)[1]["made_with"] == old


def test_what_cannot_be_meant_is_refused_in_words(prodops):
    prodops("token create ann --only", fails="--only takes a --scope")
    prodops("token revoke 77", fails="there is no token 77; see `prodops token list`")
