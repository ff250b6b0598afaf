"""The runs that a worker has, and its requests whose runs wait for a slot."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from prefect.client.schemas.objects import FlowRun

from deployments.worker.request_store import attempt_of
from flows.common.actions import Action
from flows.common.claims import Claim


@dataclass
class Work:
    """A request that this worker holds, and its run.

    Attributes:
        claim: The attempt; it names its flow run once there is one.
        action: What is run.
        flow_run: Prefect's record of the run, once it is made.
        slot: The worker's slot that it takes, where it was not the poll that took one.
        is_parked: Whether the run waits for a slot of Prefect's: the poll brings it back.
        is_cancelled: Whether somebody wants it to end.
        is_handed_back: Whether this worker gives it up, to be run again by another.
    """

    claim: Claim
    action: Action
    flow_run: FlowRun | None = None
    slot: object = None
    is_parked: bool = False
    is_cancelled: bool = False
    is_handed_back: bool = False

    @property
    def run(self) -> str:
        """The name of the run for the guardian; empty where there is none yet."""
        return str(self.flow_run.id) if self.flow_run else ""


class Works:
    """Everything that one worker has in hand, and whether it takes more."""

    def __init__(self) -> None:
        self.is_draining = False
        self._by_request: dict[int, Work] = {}

    def __len__(self) -> int:
        return len(self._by_request)

    def __iter__(self) -> Iterator[Work]:
        # Those of this moment: others come and go while somebody awaits something for one.
        return iter(list(self._by_request.values()))

    def add(self, work: Work) -> None:
        """Have it in hand from now on."""
        self._by_request[work.claim.request_id] = work

    def remove(self, work: Work) -> None:
        """Have it in hand no longer."""
        self._by_request.pop(work.claim.request_id, None)

    def request_ids(self) -> list[int]:
        """The requests."""
        return list(self._by_request)

    def of_requests(self, ids: Collection[int]) -> list[Work]:
        """Those of the requests."""
        return [work for work in self if work.claim.request_id in ids]

    def by_run(self) -> dict[uuid.UUID, Work]:
        """Those that have a flow run, by its id."""
        return {work.flow_run.id: work for work in self if work.flow_run}

    def of(self, flow_run: FlowRun) -> Work | None:
        """That of the flow run, also where its making was not answered yet."""
        attempt = attempt_of(flow_run.idempotency_key)
        for work in self:
            if work.flow_run is not None and work.flow_run.id == flow_run.id:
                return work
            held = (work.claim.request_id, work.claim.attempt)
            if attempt is not None and held == (attempt.request_id, attempt.attempt):
                return work
        return None
