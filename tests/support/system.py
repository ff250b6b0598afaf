"""What the pages of the system show, for tests: parts, agents, messages set aside, events."""

from __future__ import annotations

import uuid
from typing import Any, Final

from sqlalchemy import Engine, text

from flows.agents.repository import Heartbeat
from flows.agents.repository import beat as beat_agents
from flows.common import events, standing
from flows.common.claims import Claim
from flows.common.database import now, transaction
from flows.common.models import PartKind
from flows.messages import repository
from flows.messages.actions import Decision
from flows.messages.models import SetAsideState
from flows.messages.repository import SetAside
from tests.support import requests

STATES: Final = {Decision.RETRY: SetAsideState.RETRY, Decision.DROP: SetAsideState.DROPPED}


def beat(
    engine: Engine,
    kind: PartKind,
    name: str | None = None,
    *,
    prefect_answers: bool = True,
    **details: Any,
) -> None:
    """Let a part be heard."""
    with transaction(engine) as session:
        standing.beat(
            session, kind, name or f"{kind}@here", prefect_answers=prefect_answers, details=details
        )


def connect_bridge(engine: Engine, condition: str = "connected", reason: str = "") -> None:
    beat(
        engine,
        PartKind.BRIDGE,
        condition=condition,
        text=reason,
        since=now().isoformat(),
        broker="broker.example.org:61612",
    )


def silence(engine: Engine, kind: PartKind, seconds: float = 600) -> None:
    """Let a part not have been heard for so long."""
    with transaction(engine) as session:
        session.execute(
            text(
                "UPDATE ops_part SET heard_at = now() - make_interval(secs => :s) WHERE kind = :k"
            ),
            {"s": seconds, "k": kind.value},
        )


def hear_agent(engine: Engine, name: str, **said: Any) -> None:
    """Let an agent be heard."""
    row = {"agent_type": "data", "status": "OK", "operational_state": "READY", **said}
    with transaction(engine) as session:
        beat_agents(session, [Heartbeat(name, row)], now())


def put_aside(
    engine: Engine, *bodies: bytes, reason: str = "it is no JSON", is_too_large: bool = False
) -> None:
    """Set messages of the topic aside."""
    messages = [
        SetAside(
            destination="/topic/epictopic",
            message_id=f"ID:{number}",
            body=body,
            reason=reason,
            is_too_large=is_too_large,
        )
        for number, body in enumerate(bodies)
    ]
    with transaction(engine) as session:
        repository.set_aside(session, messages, now())


def announce(engine: Engine, *bodies: dict[str, Any]) -> None:
    """Append events."""
    with transaction(engine) as session:
        events.commit(session, [events.message_event(body) for body in bodies])


def announce_flow_run(engine: Engine, action: str, **more: Any) -> None:
    """Announce that a flow run has another state, as the relay does."""
    announce(engine, {"msg_type": "flow_run_state", "action": action, **more})


def settle_asked(engine: Engine) -> None:
    """Do what the oldest request wants done with a message, as its flow does."""
    [asked] = requests.claim(engine)
    message, decision = asked.parameters["message"], Decision(asked.parameters["decision"])
    with transaction(engine) as session:
        repository.settle(session, message, STATES[decision], asked.requested_by)
        session.commit()
    requests.finish(engine, Claim(asked.id, asked.attempts, uuid.uuid4()))
    announce_flow_run(engine, asked.action, request_id=asked.id)
