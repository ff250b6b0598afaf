"""Questions about many tasks are one statement whose size does not grow with them."""

from __future__ import annotations

import pytest

from api.pcs.models import ProdTask
from api.pcs.queries import tasks
from flows.common.database import transaction
from tests.databases import Database

pytestmark = pytest.mark.integration

MORE_THAN_PARAMETERS = 66_000  # the protocol has room for 65,535


def test_more_names_than_a_statement_has_parameters_are_asked_for(database: Database) -> None:
    names = [f"t{number}" for number in range(MORE_THAN_PARAMETERS)]
    with transaction(database.web_engine) as session:
        assert tasks.unresolved_among(session, names) == set()
        assert tasks.unresolved_among(session, []) == set()


def test_more_linked_inputs_than_a_statement_has_parameters_are_asked_for(
    database: Database,
) -> None:
    linked = [f"epic:/n{number}" for number in range(MORE_THAN_PARAMETERS)]
    task = ProdTask(csv_file="x.csv", overrides={"input_dataset_dids": linked})
    with transaction(database.web_engine) as session:
        assert tasks.input_location(session, task) == "x.csv"
