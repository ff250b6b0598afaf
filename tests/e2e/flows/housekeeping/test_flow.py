"""What goes of a real Prefect: old flow runs with their artifacts, old events, what is orphaned."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from deployments.backup.server import Connection, server_of
from tests.e2e.conftest import Site
from tests.waiting import wait_until

pytestmark = pytest.mark.e2e

OLD, YOUNG = "40 days", "20 days"


@pytest.fixture
def prefect_database(site: Site) -> Iterator[Connection]:
    server = server_of(site.stack.settings)
    with server.connect(server.admin, "prefect") as connection:
        yield connection


def ended_run(site: Site, connection: Connection, age: str) -> tuple[str, str]:
    """A flow run that ended so long ago, and its artifact; gives their ids."""
    flow = site.ask("POST", "/flows/", name="prune-history")["id"]
    run = site.ask("POST", "/flow_runs/", flow_id=flow, state={"type": "COMPLETED"})["id"]
    made = {"flow_run_id": run, "type": "markdown", "data": "x", "key": f"key-{uuid.uuid4()}"}
    artifact = site.ask("POST", "/artifacts/", **made)["id"]
    aged = "UPDATE flow_run SET end_time = now() - %s::interval WHERE id = %s"
    connection.execute(aged, [age, run])
    return run, artifact


def is_there(site: Site, path: str) -> bool:
    return site.prefect.get(path).status_code == 200


def test_old_flow_runs_go_with_their_artifacts_and_young_ones_stay(
    site: Site, prefect_database: Connection
):
    old, young = (ended_run(site, prefect_database, age) for age in (OLD, YOUNG))
    ended = site.ended(site.trigger("prune_history"))
    assert (ended.state, ended.error) == ("completed", None)
    assert ended.result["flow_runs"]["deleted"] >= 1
    assert ended.result["flow_runs"]["is_finished"] is True
    for (run, artifact), stays in ((old, False), (young, True)):
        assert is_there(site, f"/flow_runs/{run}") is stays
        assert is_there(site, f"/artifacts/{artifact}") is stays
    site.ask("DELETE", f"/flow_runs/{young[0]}")


EVENT = """
    INSERT INTO events (id, occurred, event, resource_id, resource, related, payload, received,
                        recorded, related_resource_ids)
    VALUES (%(id)s, now() - %(age)s::interval, 'prodops.test', 'test', '{}', '[]', '{}', now(),
            now(), '[]')
"""
LOG = """
    INSERT INTO log (id, name, level, flow_run_id, message, timestamp)
    VALUES (%(id)s, 'test', 20, gen_random_uuid(), 'x', now())
"""


@pytest.mark.slow
def test_old_events_and_what_no_flow_run_has_any_more_go(site: Site, prefect_database: Connection):
    """Prefect's own vacuum, each time that it starts and each hour or day."""
    old, young, orphan = (uuid.uuid4() for _ in range(3))
    prefect_database.execute(EVENT, {"id": old, "age": "2 days"})
    prefect_database.execute(EVENT, {"id": young, "age": "1 hour"})
    prefect_database.execute(LOG, {"id": orphan})
    site.stack.restart("prefect")

    def left(table: str) -> set[uuid.UUID]:
        query = f"SELECT id FROM {table} WHERE id = ANY(%s)"
        return {key for [key] in prefect_database.execute(query, [[old, young, orphan]])}

    wait_until(lambda: left("events") == {young})
    wait_until(lambda: not left("log"))
