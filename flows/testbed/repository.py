"""The SQL of commands to testbeds. Nothing here commits.

The agents' table is another capability's: they meet here in the database alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from blocks.errors import NotFound
from flows.common.access import access_refused
from flows.common.callers import Proof
from flows.testbed import domain
from flows.testbed.domain import TAKE, CommandState
from flows.testbed.models import Command

_ADD: Final = text("SELECT testbed_command_add(:means, :proof, cast(:wanted AS jsonb))")
_CONTROLLER: Final = text("""
    SELECT last_heartbeat, status <> 'EXITED' AS is_there FROM swf_systemagent
    WHERE instance_name = :name
""")
_DESCRIBED: Final = text("""
    SELECT last_heartbeat, status, operational_state, description, metadata
    FROM swf_systemagent WHERE instance_name = :name
""")
_NAMESPACE: Final = text("""
    SELECT coalesce(
        (SELECT nullif(namespace, '') FROM swf_systemagent WHERE instance_name = :name),
        (SELECT min(name) FROM swf_namespace WHERE owner = :user HAVING count(*) = 1))
""")


class CommandNotFound(NotFound):
    """There is no command with that id."""


@dataclass(frozen=True)
class Controller:
    """When a user's controller was heard last, and whether it said that it ended."""

    heard_at: datetime | None
    is_there: bool


@dataclass(frozen=True)
class Described:
    """What a user's controller says of itself; `metadata` in the original's keys.

    Source: fastmon contract section 7.3.
    """

    heard_at: datetime | None
    status: str
    operational_state: str
    description: str
    metadata: Any

    def said(self, key: str) -> Any:
        """A value of the metadata; None where it says none."""
        return self.metadata.get(key) if isinstance(self.metadata, dict) else None

    def is_there(self, at: datetime) -> bool:
        """Whether it was heard not long ago, and did not say that it ended."""
        is_heard = self.heard_at is not None and self.heard_at >= at - domain.HEARD
        return is_heard and self.status != "EXITED"

    @property
    def programs(self) -> dict[str, str]:
        """The states of its programs, in the supervisor's words, by name."""
        found = self.said("programs")
        return {str(name): str(state) for name, state in found.items()} if found else {}


def controller_of(session: Session, user: str) -> Controller | None:
    """The user's controller; None where there was never one."""
    row = session.execute(_CONTROLLER, {"name": domain.controller_name(user)}).first()
    return None if row is None else Controller(row.last_heartbeat, row.is_there)


def described_controller(session: Session, user: str) -> Described | None:
    """What the user's controller says of itself; None where there was never one."""
    row = session.execute(_DESCRIBED, {"name": domain.controller_name(user)}).first()
    return None if row is None else Described(*row)


def namespace_of(session: Session, user: str) -> str | None:
    """The namespace of a user's testbed: what its controller says, else the only one of the user.

    None where neither tells.
    """
    values = {"name": domain.controller_name(user), "user": user}
    return cast("str | None", session.scalar(_NAMESPACE, values))


def add(session: Session, wanted: Mapping[str, Any], proof: Proof | None) -> int:
    """Record a command; gives its id.

    Where there is a proof, the database looks at it: the web role has no other way in.

    Raises:
        Forbidden: The proof is not good, or does not permit it.
    """
    if proof is None:
        command = Command(**wanted)
        session.add(command)
        session.flush()
        return command.id
    values = {"means": proof.means, "proof": proof.value, "wanted": json.dumps(wanted)}
    with access_refused():
        return cast("int", session.scalar(_ADD, values))


def get(session: Session, command_id: int) -> Command:
    """The command with that id.

    Raises:
        CommandNotFound: There is none.
    """
    if (found := session.get(Command, command_id)) is None:
        raise CommandNotFound(f"there is no command {command_id} to a testbed")
    return found


def newest(session: Session, user: str | None, limit: int) -> list[Command]:
    """The newest commands, of one user or of all."""
    wanted = select(Command).order_by(Command.id.desc()).limit(limit)
    return list(session.scalars(wanted if user is None else wanted.where(Command.username == user)))


def take(session: Session, user: str, taken_by: str, at: datetime) -> Command | None:
    """Take the oldest command that waits for a controller of the user, each once."""
    oldest = (
        select(Command.id)
        .where(
            Command.username == user,
            Command.state == CommandState.WAITING,
            Command.requested_at > at - TAKE,
        )
        .order_by(Command.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = {"state": CommandState.TAKEN, "taken_by": taken_by, "taken_at": at}
    return session.scalar(
        update(Command).where(Command.id == oldest).values(taken).returning(Command)
    )


def fail_abandoned(session: Session, user: str, taken_by: str, at: datetime) -> list[Command]:
    """End what another controller of the user on this host had taken: it is no more.

    A host has one controller of a user at a time.
    """
    host = taken_by.partition(":")[0]
    abandoned = update(Command).where(
        Command.username == user,
        Command.state == CommandState.TAKEN,
        Command.taken_by != taken_by,
        func.split_part(Command.taken_by, ":", 1) == host,
    )
    ended = {"state": CommandState.FAILED, "ended_at": at, "error": domain.unanswered(host)}
    return list(session.scalars(abandoned.values(ended).returning(Command)))


def answer(
    session: Session,
    command_id: int,
    *,
    taken_by: str,
    result: Mapping[str, Any] | None,
    error: str | None,
    at: datetime,
) -> Command | None:
    """Record what came of a command; None where that controller does not work on it."""
    state = CommandState.DONE if error is None else CommandState.FAILED
    return session.scalar(
        update(Command)
        .where(
            Command.id == command_id,
            Command.state == CommandState.TAKEN,
            Command.taken_by == taken_by,
            Command.taken_at > at - domain.ANSWER,
        )
        .values(state=state, result=result, error=error, ended_at=at)
        .returning(Command)
    )
