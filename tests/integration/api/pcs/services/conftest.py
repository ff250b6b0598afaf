"""What the tests of PCS's services share: a task, on its way to PanDA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from flows.common.database import transaction
from flows.common.models import Request, RequestState
from tests.databases import Database
from tests.pcs_client import Pcs


@pytest.fixture
def pcs(api: httpx.Client) -> Pcs:
    return Pcs(api)


@pytest.fixture
def ready(pcs: Pcs) -> dict[str, Any]:
    return dict(pcs.make_ready())


@pytest.fixture
def submitted(pcs: Pcs, ready: dict[str, Any]) -> dict[str, Any]:
    """The task, its first attempt recorded as 4711, and the request for it open."""
    attempt = pcs.submit()["panda_tasks"][0]
    return dict(pcs.record(jedi_task_id=4711, panda_tasks_id=attempt["id"]).json())


@pytest.fixture
def failed(pcs: Pcs, ready: dict[str, Any], end_requests: Callable[..., None]) -> dict[str, Any]:
    """The task after its first attempt failed before it reached PanDA."""
    attempt = pcs.submit()["panda_tasks"][0]
    body = {"panda_tasks_id": attempt["id"], "reason": "no token"}
    task = pcs.good("POST", "prod-tasks/record-submission-failure/", body, name=ready["name"])
    end_requests(RequestState.FAILED)
    return dict(task)


@pytest.fixture
def count(database: Database) -> Callable[[Any], int]:
    """How many rows there are of a model."""

    def count(model: Any) -> int:
        with transaction(database.ops_engine) as session:
            return session.scalar(select(func.count()).select_from(model)) or 0

    return count


@pytest.fixture
def end_requests(database: Database) -> Callable[..., None]:
    """Brings every request to a state: completed, unless another is named."""

    def end_requests(state: RequestState = RequestState.COMPLETED) -> None:
        with transaction(database.ops_engine) as session:
            session.execute(update(Request).values(state=state))

    return end_requests
