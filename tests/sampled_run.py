"""Data for the pages' tests: a simulated run, taken in and sampled as the flow does it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine

from flows.common import requests
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from flows.common.requests import Claim
from flows.common.settings import FastmonSettings
from flows.fastmon import daq, intake, schemas
from flows.fastmon.sampler import Sampler, Tally, sampling_of


def messages_of(run: int, stfs: int, **plan: Any) -> list[dict[str, Any]]:
    """A run's messages, without the STFs' generation, which nobody here reads."""
    played = daq.simulate_run(daq.RunPlan(run, stfs, **{"namespace": "epic", **plan}))
    return [message for _, message in played if message["msg_type"] != "stf_gen"]


def take_in(engine: Engine, messages: Iterable[dict[str, Any]]) -> None:
    pairs = [(body, schemas.parse(body)) for body in messages]
    intake.take_in(engine, pairs, requested_by="shifter", source="message")


def begin_sampling(engine: Engine, fraction: float = 1.0, namespace: str = "epic") -> Sampler:
    """Claim the namespace's request, as the worker would, and take its inbox over."""
    with transaction(engine) as session:
        claimed = requests.claim(session, worker="test", limit=10, lease_seconds=600)
        [request] = [each for each in claimed if (each.subject or "") == namespace]
        holder = Claim(request.id, request.attempts, uuid.uuid4())
        requests.note_flow_run(session, holder, state=RequestState.RUNNING)
    configured = FastmonSettings(selection_fraction=fraction)
    sampler = Sampler(engine, namespace, holder, sampling_of(configured), batch_size=500)
    sampler.begin()
    return sampler


def sample(engine: Engine, fraction: float = 1.0, namespace: str = "epic") -> Tally:
    """Sample what waits, and end the sampling run."""
    sampler = begin_sampling(engine, fraction, namespace)
    total = Tally()
    while (batch := sampler.serve_batch()).batches:
        total.add(batch)
    sampler.close_if_empty(total)
    return total


def request_rows(engine: Engine) -> list[Request]:
    with transaction(engine) as session:
        return list(session.scalars(requests.matching(requests.Filter())))
