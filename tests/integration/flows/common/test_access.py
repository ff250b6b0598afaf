"""What a user may do now, for what is done in the user's name later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows.common import access
from flows.common.callers import Scope
from flows.common.database import now, transaction

pytestmark = pytest.mark.integration


def held(database, name: str) -> frozenset[Scope]:
    with transaction(database.ops_engine) as session:
        return access.scopes_of(session, name)


def test_a_user_may_what_the_tokens_that_are_not_revoked_permit(database):
    with transaction(database.ops_engine) as session:
        access.create_token(session, "anna", scopes=[Scope.OPERATE])
        access.create_token(session, "anna", scopes=[Scope.MESSAGE])
        access.create_token(session, "berta", scopes=[Scope.ADMIN])
    assert held(database, "anna") == {Scope.READ, Scope.MESSAGE, Scope.REQUEST, Scope.OPERATE}
    with transaction(database.ops_engine) as session:
        first = next(each for each in access.list_tokens(session) if each.owner == "anna")
        access.revoke_token(session, first.id)
    assert held(database, "anna") == {Scope.READ, Scope.MESSAGE}
    assert held(database, "nobody") == frozenset()


def test_a_token_that_has_expired_permits_nothing(database):
    past, later = now() - timedelta(seconds=1), now() + timedelta(days=1)
    with transaction(database.ops_engine) as session:
        access.create_token(session, "anna", scopes=[Scope.OPERATE], expires_at=past)
        access.create_token(session, "anna", scopes=[Scope.MESSAGE], expires_at=later)
    assert held(database, "anna") == {Scope.READ, Scope.MESSAGE}


def test_a_proxied_user_may_no_more_than_the_ceiling(database):
    with transaction(database.ops_engine) as session:
        access.publish(
            session, actions={}, proxied_scopes=[], proxied_ceiling=[Scope.REQUEST], services=[]
        )
        access.set_user(session, "anna", [Scope.OPERATE], None)
    assert held(database, "anna") == {Scope.READ, Scope.REQUEST}
