"""Scopes, guards and good bodies are found from the application, not written twice."""

from __future__ import annotations

import pytest

from deployments.bench.abuse.operations import guards, sample
from flows.common import actions
from flows.common.callers import Scope
from tests.support.operations import by_name


@pytest.mark.parametrize(
    ("operation", "scope"),
    [
        ("POST /api/messages/", Scope.MESSAGE),
        ("DELETE /api/runs/{key}/", Scope.MESSAGE),
        ("POST /pcs/api/prod-tasks/{name}/submit/", Scope.REQUEST),
        ("POST /api/requests/{request_id}/cancel/", Scope.REQUEST),
        ("GET /api/runs/", None),
        ("POST /login/", None),
    ],
)
def test_an_operation_has_the_scope_that_its_route_declares(operation, scope):
    assert by_name()[operation].scope == scope


def test_each_action_is_an_operation_of_its_own_with_its_scope():
    for action in actions.all_actions().values():
        assert by_name()[f"POST /api/actions/{action.name}/"].scope == action.scope


def test_whoever_writes_declares_a_scope():
    without = {name for name, each in by_name().items() if not each.is_safe and each.scope is None}
    # Agents log without a token, as they do at the original monitor.
    open_to_all = {"POST /login/", "POST /logout/", "POST /api/messages/stream/", "POST /api/logs/"}
    assert without == open_to_all


@pytest.mark.parametrize(
    ("table", "scope"),
    [
        ("pcs_prod_task", Scope.REQUEST),
        ("pcs_tag", Scope.REQUEST),
        ("swf_runs", Scope.MESSAGE),
        ("fastmon_inbox", Scope.MESSAGE),
    ],
)
def test_a_table_is_guarded_by_the_scopes_of_its_capability(table, scope):
    assert guards([table]) == {table: {scope}}


def test_what_the_web_tier_does_not_write_is_not_guarded():
    assert guards([]) == {}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 1),
        ({"type": "string", "format": "date-time"}, "2026-08-01T12:00:00Z"),
        ({"enum": ["a", "b"]}, "a"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, True),
        ({"type": "array", "items": {"type": "string"}}, ["abuse"]),
        ({"$ref": "#/components/schemas/X"}, {"a": 7}),
    ],
)
def test_a_good_value_is_made_of_a_schema(schema, value):
    known = {"X": {"type": "object", "properties": {"a": {"default": 7}}}}
    assert sample(schema, known) == value
