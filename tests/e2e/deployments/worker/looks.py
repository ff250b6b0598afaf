"""What the tests of the worker look for on a stack."""

from __future__ import annotations

import re

from sqlalchemy import select

from flows.common.database import transaction
from flows.common.models import OpsPart, PartKind, Request, RequestState
from tests.e2e.conftest import Site
from tests.waiting import wait_until


def sampling_request(site: Site, namespace: str) -> Request:
    """The namespace's request that runs now, once its flow has said that it began."""

    def find() -> list[Request]:
        running = site.requests(subject=namespace, state=RequestState.RUNNING)
        began = {event.request_id for event in site.events(msg_type="fastmon_status")}
        return [each for each in running if each.id in began]

    return wait_until(find)[-1]


def exit_of(site: Site, pid: int) -> str | None:
    """How supervisord says that the worker with that pid ended."""
    log = site.stack.layout.supervisor_log.read_text()
    ended = log.partition(f"'worker' with pid {pid}\n")[2]
    found = re.search(r"exited: worker \(([^;)]+)", ended)
    return found[1] if found else None


def waits_for(site: Site, request_id: int) -> str | None:
    """What a request waits for, as its page says it."""
    found = site.api.get(f"/api/requests/{request_id}/").json()["waits_for"]
    return None if found is None else str(found)


def held_by(site: Site) -> set[str]:
    """What the workers say that keeps them from working on requests."""
    with transaction(site.engine) as session:
        rows = session.scalars(select(OpsPart.wait_reasons).where(OpsPart.kind == PartKind.WORKER))
        return {reason["text"] for reasons in rows for reason in reasons}


POOL_PAUSED = "the work pool prodops is paused at Prefect"
"""What every request waits for then."""
