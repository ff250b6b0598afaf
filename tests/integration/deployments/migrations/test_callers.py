"""What was accepted before the callers, and is open, is of the form of today."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import Connection, text

from blocks.errors import Invalid
from flows.common import actions
from tests.databases import Database

pytestmark = pytest.mark.integration

_FORMER = {
    "task_name": "elm",
    "owner": "",
    "created_by": "anna",
    "follows": None,
    "panda_tasks_id": None,
    "panda_task_name": None,
}


_CALLERS = import_module("deployments.migrations.versions.0007_callers")


_RETRY = {
    "operation": "retry_failures",
    "jedi_task_id": 7,
    "new_parameters": {"cloud": "US", "site": "BNL"},
    "created_by": "anna",
}


def accepted(connection: Connection, action: str, form: Any) -> int:
    """An open request with those parameters; gives its id."""
    insert = """
        INSERT INTO request (action, parameters, requested_by, source, created_at)
        VALUES (:action, cast(:form AS jsonb), 'anna', 'rest', now()) RETURNING id
    """
    values = {"action": action, "form": json.dumps(form)}
    return int(connection.scalar(text(insert), values))


def parameters_of(connection: Connection, number: int) -> Any:
    query = text("SELECT parameters FROM request WHERE id = :id")
    return connection.scalar(query, {"id": number})


def recorded(connection: Connection, number: int, sent_at: str) -> None:
    """The record that the request's first run made."""
    insert = f"""
        INSERT INTO panda_operation (id, request_id, jedi_task_id, task_name, operation, parameters,
                                     requested_by, reason, status, requested_at, sent_at)
        VALUES (gen_random_uuid(), :id, 7, '', 'retry_failures', '{{}}',
                'anna', '', 'running', now(), {sent_at})
    """
    connection.execute(text(insert), {"id": number})


def test_an_open_submission_loses_the_fields_that_its_form_no_longer_has(database: Database):
    with database.ops_engine.begin() as connection:
        number = accepted(connection, "submit_task", _FORMER)
        connection.execute(text(_CALLERS._FORMER_FIELDS))
        form = parameters_of(connection, number)
    assert actions.get("submit_task").parse(form).task_name == "elm"


def test_a_retry_that_was_sent_is_looked_into_whatever_it_changed(database: Database):
    with database.ops_engine.begin() as connection:
        number = accepted(connection, "panda_task_operation", _RETRY)
        recorded(connection, number, sent_at="now()")
        connection.execute(text(_CALLERS._FORMER_FIELDS))
        connection.execute(text(_CALLERS._SENT_RETRIES))
        form = parameters_of(connection, number)
    assert actions.get("panda_task_operation").parse(form).jedi_task_id == 7


def test_a_retry_that_was_not_sent_is_refused_rather_than_sent_in_part(database: Database):
    with database.ops_engine.begin() as connection:
        number = accepted(connection, "panda_task_operation", _RETRY)
        recorded(connection, number, sent_at="NULL")
        connection.execute(text(_CALLERS._FORMER_FIELDS))
        connection.execute(text(_CALLERS._SENT_RETRIES))
        form = parameters_of(connection, number)
    with pytest.raises(Invalid) as refused:
        actions.get("panda_task_operation").parse(form)
    assert "cloud" in str(refused.value)
