"""What the pages of the system show, for tests: parts, agents, messages set aside, events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from flows.agents.repository import Heartbeat
from flows.agents.repository import beat as beat_agents
from flows.common import events, standing
from flows.common.database import now, transaction
from flows.common.models import PartKind
from flows.messages import repository
from flows.messages.repository import SetAside


def beat(engine: Engine, kind: PartKind, *, prefect_answers: bool = True, **details: Any) -> None:
    """Let a part be heard."""
    with transaction(engine) as session:
        standing.beat(
            session, kind, f"{kind}@here", prefect_answers=prefect_answers, details=details
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
