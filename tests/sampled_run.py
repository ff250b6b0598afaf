"""Data for the pages' tests: a simulated run, taken in and sampled as the flow does it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine

from api.requests import queries
from flows.common import claiming, holding
from flows.common.callers import Caller, on_ops_side
from flows.common.claims import Claim
from flows.common.database import transaction
from flows.common.models import Request, RequestState
from flows.common.run import Run
from flows.common.settings import FastmonSettings, settings
from flows.common.sources import Sources
from flows.fastmon import intake, schemas
from flows.fastmon.domain import Tally
from flows.fastmon.intake import Incoming, Verdict
from flows.fastmon.tasks import Sampler
from flows.workflows.domain import simulation


def messages_of(run: int, stfs: int, **plan: Any) -> list[dict[str, Any]]:
    """A run's messages, without the STFs' generation, which nobody here reads."""
    played = simulation.simulate_run(simulation.RunPlan(run, stfs, **{"namespace": "epic", **plan}))
    return [message for _, message in played if message["msg_type"] != "stf_gen"]


SHIFTER = on_ops_side("shifter")


def incoming(bodies: Iterable[dict[str, Any]], caller: Caller = SHIFTER) -> list[Incoming]:
    """Message bodies, as the caller brings them."""
    return [Incoming(body, schemas.parse(body), caller) for body in bodies]


def take_in(
    engine: Engine, bodies: Iterable[dict[str, Any]], caller: Caller = SHIFTER
) -> list[Verdict]:
    taken = intake.take_in(engine, incoming(bodies, caller), source="message")
    return [verdict for _, verdict in taken]


def claimed(engine: Engine, namespace: str) -> Claim:
    """Claim the namespace's request, as the worker would."""
    with transaction(engine) as session:
        found = claiming.claim(session, worker="test", limit=10, lease_seconds=600)
        [request] = [each for each in found if (each.subject or "") == namespace]
        claim = Claim(request.id, request.attempts, uuid.uuid4())
        holding.note_flow_run(session, claim, state=RequestState.RUNNING)
    return claim


def sampler_of(engine: Engine, claim: Claim, namespace: str = "epic", **configured: Any) -> Sampler:
    """The sampler of a claimed request; every STF is sampled, where nothing else is configured."""
    chosen = FastmonSettings(**{"selection_fraction": 1.0, **configured})
    return Sampler(Run(settings(), engine, claim, Sources(settings())), namespace, chosen)


def begin_sampling(engine: Engine, namespace: str = "epic", **configured: Any) -> Sampler:
    """Claim the namespace's request, and take its inbox over."""
    sampler = sampler_of(engine, claimed(engine, namespace), namespace, **configured)
    sampler.begin()
    return sampler


def sample(engine: Engine, fraction: float = 1.0, namespace: str = "epic") -> Tally:
    """Sample what waits, and end the sampling run."""
    sampler = begin_sampling(engine, namespace, selection_fraction=fraction)
    total = Tally()
    while (batch := sampler.serve_batch()).batches:
        total.add(batch)
    sampler.close(total, if_empty=True)
    return total


def request_rows(engine: Engine) -> list[Request]:
    with transaction(engine) as session:
        return list(session.scalars(queries.matching(queries.Filter())))
