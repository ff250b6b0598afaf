"""What the database lets each side write of PCS, and that its schema is that of the models."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

import api.pcs.models
from flows.common.capabilities import import_models
from flows.common.database import Base, transaction
from tests.databases import Database
from tests.pcs_client import Pcs

pytestmark = pytest.mark.integration

TABLES = [name for name in Base.metadata.tables if name.startswith("pcs_")]
OUTPUT = "scope, name, campaign, stage, detector_config, suffix, file_count, file_bytes, checked_at"
FORBIDDEN = {
    "write an output": f"INSERT INTO provenance_dataset ({OUTPUT}) VALUES"
    " ('epic', '/RECO/x', 'x', 'RECO', 'x', 'x', 0, 0, now())",
    "change an output": "UPDATE provenance_dataset SET file_count = 1",
    "delete an output": "DELETE FROM provenance_dataset",
    "say that a path was found": "UPDATE provenance_path SET finding = 'found'",
    "say when a campaign was swept": "UPDATE provenance_campaign SET checked_at = now()",
    "end a submission's request": "UPDATE request SET state = 'completed'",
    "take a submission's request over": "UPDATE request SET worker = 'web'",
}


def do(database: Database, statement: str) -> None:
    with transaction(database.web_engine) as session:
        session.execute(text(statement))


def test_the_migrations_make_what_the_models_say(database: Database):
    import_models()
    assert api.pcs.models.ProdTask.__tablename__ in TABLES
    with database.ops_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_web_role_cannot(database: Database, statement: str):
    with pytest.raises(ProgrammingError, match="permission denied"):
        do(database, statement)


def test_both_roles_write_the_rest(database: Database):
    for engine in (database.web_engine, database.ops_engine):
        with transaction(engine) as session:
            for table in TABLES:
                session.execute(text(f"SELECT * FROM {table} FOR UPDATE"))


def test_the_database_itself_keeps_names_and_ids_single(api, database: Database):
    pcs = Pcs(api)
    pcs.make_ready("one")
    pcs.record("one", jedi_task_id=1)
    pcs.make_ready("two")
    pcs.record("two", jedi_task_id=2)
    for name in ("first", "second"):
        pcs.add("campaigns", name=name)
    for statement in (
        "UPDATE pcs_panda_tasks SET jedi_task_id = 1",
        "UPDATE pcs_panda_tasks SET task_name = 'x'",
        "UPDATE pcs_prod_task SET name = 'x'",
        "UPDATE pcs_campaign SET lifecycle = 'current'",
        "UPDATE pcs_tag SET tag_label = 'p1'",
        "UPDATE pcs_tag SET category_digit = NULL",
    ):
        with pytest.raises(IntegrityError):
            do(database, statement)
