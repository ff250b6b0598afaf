"""What the tasks of a run announce to Prefect: sent without a client that reads what is known.

Prefect's own worker of events makes a client, with its TLS context, and asks it for the run's flow,
deployment, queue and pool, for each run anew: five calls and 0.1 s of processor time (measured).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun


@dataclass(frozen=True)
class _Named:
    """What an event says of an object of Prefect."""

    id: UUID
    name: str


class _Unasked:
    """Stands where Prefect's client would: what is not known is left out of an event."""

    async def _nothing(self, _id: object) -> None:
        """Nothing."""

    read_flow = read_deployment = read_work_queue = read_work_pool = _nothing


def know(flow_run: FlowRun, *, flow: str, deployment: str) -> None:
    """Have the events of this process, which is the run's, name what belongs to the run.

    Args:
        flow_run: The run, with the names of its queue and pool.
        flow: The name of its flow.
        deployment: The name of its deployment.
    """
    from prefect.events import related, worker  # noqa: PLC0415 - imported by preload
    from prefect.types._datetime import now  # noqa: PLC0415

    cache: dict[str, Any] = related.RESOURCE_CACHE
    known: list[tuple[str, Any, UUID | None, str | None]] = [
        ("flow", flow_run.flow_id, flow_run.flow_id, flow),
        ("deployment", flow_run.deployment_id, flow_run.deployment_id, deployment),
        ("work-queue", flow_run.work_queue_id, flow_run.work_queue_id, flow_run.work_queue_name),
        ("work-pool", flow_run.work_pool_name, flow_run.work_pool_id, flow_run.work_pool_name),
    ]
    for kind, key, id_, name in known:
        named = _Named(id_, name) if id_ is not None and name is not None else None
        cache[f"{kind}.{key}"] = ({"kind": kind, "object": named}, now("UTC"))
    setattr(worker.EventsWorker, "_lifespan", _sending_only)  # noqa: B010 - not exported


@asynccontextmanager
async def _sending_only(events: Any) -> AsyncIterator[None]:
    events._client = events.client_type(**dict(events.client_options))  # noqa: SLF001 - as Prefect's
    events._orchestration_client = _Unasked()  # noqa: SLF001
    async with events._client:  # noqa: SLF001
        yield
