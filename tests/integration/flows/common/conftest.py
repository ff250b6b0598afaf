"""What the tests of requests share: the actions that are known, and who asks over the web."""

from __future__ import annotations

import pytest

from flows.common import actions
from flows.common.actions import Action
from flows.common.callers import Caller, Scope
from flows.common.database import transaction
from flows.common.models import ApiAction
from tests.databases import Database
from tests.support.requests import ACTION, BULK, LIMITED, Know


@pytest.fixture
def know(monkeypatch: pytest.MonkeyPatch) -> Know:
    """Only the test's actions are known; and, once it is called, those that it is given."""

    def know(*more: Action) -> None:
        known = {each.name: each for each in (ACTION, BULK, LIMITED, *more)}
        monkeypatch.setattr(actions, "all_actions", lambda: known)

    know()
    return know


@pytest.fixture
def shifter(database: Database) -> Caller:
    """Who may ask for the action over the web."""
    with transaction(database.ops_engine) as session:
        session.add(ApiAction(name=ACTION.name, scope=ACTION.scope))
    return database.caller("shifter", Scope.OPERATE)
