"""`prodops user`: what a user may do whom a trusted proxy names."""

from __future__ import annotations

import pytest

from flows.common import access
from flows.common.callers import Means, Proof
from flows.common.database import transaction

pytestmark = pytest.mark.integration


def scopes(database, name: str) -> set[str]:
    """What the database says that the proxied user may do, asked as the web tier asks."""
    with transaction(database.web_engine) as session:
        return set(access.caller_of(session, Proof(means=Means.PROXY, value=name)).scopes)


def test_a_user_may_what_was_set_until_they_are_forgotten(prodops, database):
    unknown = scopes(database, "ann")
    assert "ann may read, request, operate\n" in prodops("user set ann --scope operate --note lead")
    assert scopes(database, "ann") == {"read", "request", "operate"}
    assert "ann may do nothing" in prodops("user set ann")
    assert scopes(database, "ann") == set()
    (row,) = prodops("user list --json")
    assert (row["name"], row["scopes"], row["note"]) == ("ann", "", "lead")
    assert "ann may read, request, as every user who is not set" in prodops("user forget ann")
    assert scopes(database, "ann") == unknown == {"read", "request"}
    assert prodops("user list --json") == []


def test_what_is_above_the_ceiling_is_said_and_does_not_hold(prodops, database):
    with transaction(database.ops_engine) as session:
        access.policy(session).proxied_ceiling = ["read", "request"]
    said = prodops("user set ann --scope admin --scope request")
    assert "not by a proxy: admin (PRODOPS_API_PROXIED_CEILING is read,request" in said
    assert scopes(database, "ann") == {"read", "request"}


def test_who_is_not_set_cannot_be_forgotten(prodops):
    prodops("user forget eve", fails="there is no user 'eve'; see `prodops user list`")
