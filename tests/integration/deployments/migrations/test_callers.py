"""A submission that was accepted before the callers, and is open, is of the form of today."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from sqlalchemy import text

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


def test_an_open_submission_loses_the_fields_that_its_form_no_longer_has(database: Database):
    insert = """
        INSERT INTO request (action, parameters, requested_by, source, created_at)
        VALUES ('submit_task', cast(:form AS jsonb), 'anna', 'rest', now()) RETURNING id
    """
    with database.ops_engine.begin() as connection:
        number = connection.scalar(text(insert), {"form": json.dumps(_FORMER)})
        connection.execute(text(_CALLERS._FORMER_FIELDS))
        query = text("SELECT parameters FROM request WHERE id = :id")
        form = connection.scalar(query, {"id": number})
    assert actions.get("submit_task").parse(form).task_name == "elm"
