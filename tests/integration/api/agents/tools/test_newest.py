"""The newest of very many are read by an index: what is older is neither read nor sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from flows.common.database import transaction
from tests.databases import Database, Server

pytestmark = pytest.mark.integration

ROWS = 5000
EVENTS = """
    INSERT INTO event (at, msg_type, namespace, payload)
    SELECT now() - make_interval(secs => i / 10.0), 'tf_file_registered', 'n', '{}'
    FROM generate_series(1, :rows) AS i
"""
LOGS = """
    INSERT INTO swf_applog (app_name, instance_name, timestamp, level, levelname, message,
                            module, funcname, lineno, process, thread)
    SELECT 'worker', 'worker-1', now() - make_interval(secs => i / 10.0), 20, 'INFO', 'm',
           'm', 'f', 1, 1, 1
    FROM generate_series(1, :rows) AS i
"""


@pytest.fixture
def fill(database: Database, postgres: Server) -> Callable[[str], None]:
    """Fills a table, and has PostgreSQL count what there is."""

    def fill(filling: str) -> None:
        with transaction(database.ops_engine) as session:
            session.execute(text(filling), {"rows": ROWS})
        admin = postgres.admin(database.name)
        with admin.connect() as connection:
            connection.execute(text("ANALYZE"))
        admin.dispose()

    return fill


@pytest.fixture
def plans(database: Database, served_api) -> Iterator[Callable[[], list[list[str]]]]:
    """The plans of the lists that the API has asked for: the kinds of their steps."""
    sent: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        if "ORDER BY" in statement and "LIMIT" in statement:
            sent.append((statement, parameters))

    def plans() -> list[list[str]]:
        with database.ops_engine.connect() as connection:
            told = [
                connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
                for statement, parameters in tuple(sent)
            ]
        return [steps(each.scalar_one()[0]["Plan"]) for each in told]

    event.listen(Engine, "before_cursor_execute", note)
    yield plans
    event.remove(Engine, "before_cursor_execute", note)


def steps(plan: dict[str, Any]) -> list[str]:
    return [plan["Node Type"], *(kind for each in plan.get("Plans", []) for kind in steps(each))]


@pytest.mark.parametrize(
    ("tool", "filling"),
    [("list_messages", EVENTS), ("list_logs", LOGS)],
    ids=["list_messages", "list_logs"],
)
def test_the_newest_are_read_by_an_index(assistant, fill, plans, tool, filling):
    fill(filling)
    assert assistant.ask(tool)["total_count"] > 1000
    (found,) = plans()
    assert "Sort" not in found
    assert any(kind.startswith("Index") for kind in found)
