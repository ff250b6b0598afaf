"""What every run needs, imported and made before the fork: no run has to do it again.

Nothing here leaves a thread or an open socket behind: neither would survive a fork.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from blocks.errors import OutsideUnavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from deployments.worker.run_client import RunClient

# Imported ahead, beside what every flow imports.
# None of these opens a socket or starts a thread (measured).
_MODULES: Final = (
    "blocks.tracing",
    "deployments.logs",
    "deployments.run_telemetry",
    "deployments.worker.launch",
    "deployments.worker.run_events",
    "deployments.worker.run_logs",
    "prefect.client.orchestration",
    "prefect.deployments.steps.core",
    "prefect.engine",
    "prefect.events.worker",
    "prefect.flow_engine",
    "prefect.logging.handlers",
    "prefect.task_engine",
    "prefect.utilities.visualization",
    "prefect._internal.observers",
    "anyio._backends._asyncio",
    "anyio.streams.memory",
    "anyio.streams.tls",
    "anyio.streams.stapled",
    "anyio.streams.buffered",
    "encodings.idna",
    "rich._emoji_codes",
    "sqlalchemy.dialects.postgresql.psycopg",
    "stringprep",
    "websockets.legacy.client",
)
_FOR_TRACES: Final = (
    "blocks.trace_export",
    "opentelemetry.instrumentation.httpx",
    "opentelemetry.instrumentation.sqlalchemy",
)


def preload() -> None:
    """Import what every run needs, and every flow; and do what is done once in a process."""
    from deployments import catalogue  # noqa: PLC0415 - after the guardian has cleaned up
    from flows.common import actions  # noqa: PLC0415

    for name in _MODULES:
        importlib.import_module(name)
    for name in actions.all_actions():
        catalogue.flow_of(name)
    if importlib.import_module("flows.common.settings").settings().traces.url is not None:
        for name in _FOR_TRACES:
            importlib.import_module(name)
    client()
    _rehearse_prefect()
    _rehearse_database()


@cache
def client() -> RunClient:
    """The run's client of Prefect: its TLS context takes 30 ms."""
    from deployments.worker.run_client import RunClient  # noqa: PLC0415 - imports Prefect

    return RunClient.made()


@cache
def engine() -> Engine | None:
    """The run's engine of the database; None where no database is set."""
    from flows.common import run  # noqa: PLC0415 - imports Prefect
    from flows.common.settings import settings  # noqa: PLC0415

    return run.engine_of_a_run() if settings().database.url else None


def _rehearse_prefect() -> None:
    """Have what is made at the first call of Prefect: pydantic leaves its schemas until then."""
    import httpx  # noqa: PLC0415 - all of this is imported before
    from prefect.client.schemas.objects import FlowRun  # noqa: PLC0415
    from prefect.context import hydrated_context  # noqa: PLC0415
    from prefect.states import Running  # noqa: PLC0415
    from prefect.utilities.engine import propose_state_sync  # noqa: PLC0415

    from deployments.worker.run_client import RunClient  # noqa: PLC0415

    state = Running().model_dump(mode="json")
    answer = {"state": state, "status": "ACCEPT", "details": {"type": "accept_details"}}

    def accept(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/csrf-token"):
            return httpx.Response(422, json={"detail": "CSRF protection is disabled."})
        return httpx.Response(200, json=answer)

    nowhere = httpx.MockTransport(accept)
    with RunClient.made({"transport": nowhere}) as speaker, hydrated_context():
        speaker.read_server_default_result_storage()
        propose_state_sync(speaker, Running(), uuid4())
        FlowRun.model_validate(FlowRun(flow_id=uuid4()).model_dump(mode="json"))


def _rehearse_database() -> None:
    """Have the statements of every run compiled, and the engine know its database.

    Where that is away, each run does it itself.
    """
    from sqlalchemy.orm import configure_mappers  # noqa: PLC0415

    from flows.common.database import transaction  # noqa: PLC0415
    from flows.common.holding import rehearse  # noqa: PLC0415

    configure_mappers()  # 0.1 s
    if (database := engine()) is None:
        return
    with suppress(OutsideUnavailable), transaction(database) as session:
        rehearse(session)
    database.dispose()
