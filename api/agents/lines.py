"""Agents as pages show them: a line each."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Select
from sqlalchemy.orm import Session

from api.agents.queries.agents import AGENTS
from flows.agents.domain import AgentStatus
from flows.common.database import among


class OtherProcess(BaseModel):
    """Another process that uses the agent's name, too."""

    pid: int | None
    hostname: str | None
    last_heartbeat: datetime


class AgentLine(BaseModel):
    """An agent; EXITED also where it was not heard for 3 minutes."""

    instance_name: str
    agent_type: str
    namespace: str | None
    status: str = Field(description="Its health.")
    operational_state: str = Field(description="Its activity.")
    hostname: str | None
    pid: int | None
    last_heartbeat: datetime | None
    description: str = Field(description="How it is, in its own words.")
    current_stf_count: int = Field(description="STFs that it works on.")
    total_stf_processed: int = Field(description="STFs that it is done with.")
    mq_connected: bool | None = Field(description="Whether it reaches the broker.")
    conflict: OtherProcess | None = Field(description="Who else uses its name.")

    @property
    def is_on_two_hosts(self) -> bool:
        """Whether its name is in use on two machines; on one, it may have been started anew."""
        return self.conflict is not None and self.conflict.hostname != self.hostname

    @property
    def is_exited(self) -> bool:
        """Whether it has ended, or is silent."""
        return self.status == AgentStatus.EXITED


def newest(session: Session, limit: int) -> list[AgentLine]:
    """The agents that were heard last, at most `limit`, by their names."""
    return _lines(session, AGENTS.rows.order_by(None), limit)


def named(session: Session, names: Collection[str]) -> list[AgentLine]:
    """The agents of these names, by their names."""
    which = among(AGENTS.table.c.instance_name, names)
    return _lines(session, AGENTS.rows.order_by(None).where(which), len(names))


def in_namespace(session: Session, namespace: str, limit: int) -> list[AgentLine]:
    """The agents of a namespace that were heard last, at most `limit`, by their names."""
    which = AGENTS.table.c.namespace == namespace
    return _lines(session, AGENTS.rows.order_by(None).where(which), limit)


def _lines(session: Session, query: Select[Any], limit: int) -> list[AgentLine]:
    last = query.order_by(AGENTS.table.c.last_heartbeat.desc().nulls_last()).limit(limit)
    found = [AgentLine.model_validate(dict(row)) for row in session.execute(last).mappings()]
    return sorted(found, key=lambda each: each.instance_name)
