"""Tables that every capability shares: requests, events, and who may do what."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.column_types import Reason
from flows.common.database import AwareTime, Base, now


class RequestState(StrEnum):
    """State of a request. `unknown`: its external effect may have happened."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


LIVE: Final = (RequestState.QUEUED, RequestState.CLAIMED, RequestState.RUNNING)
"""States in which a request waits or works."""
OPEN: Final = (*LIVE, RequestState.UNKNOWN)
"""States in which a request holds its dedup key."""
HELD: Final = (RequestState.CLAIMED, RequestState.RUNNING)
"""States in which a worker holds a request by a lease."""
SUCCESSOR: Final = "successor"
"""The source of a request that takes over from the run of another."""

_LIFECYCLE_SQL = "msg_type IN ('run_imminent', 'start_run', 'pause_run', 'resume_run', 'end_run')"
_OPEN_SQL = "state IN ('queued', 'claimed', 'running', 'unknown')"


class Request(Base):
    """One accepted wish for an action; the row is what makes a trigger durable."""

    __tablename__ = "request"
    __table_args__ = (
        # A request that named its successor gave its dedup key to it (hand-over without a gap).
        Index(
            "request_open_key",
            "action",
            "dedup_key",
            unique=True,
            postgresql_where=text(f"{_OPEN_SQL} AND successor_id IS NULL"),
        ),
        Index("request_open_idx", "state", "id", postgresql_where=text(_OPEN_SQL)),
        Index("request_flow_run_idx", "flow_run_id"),
        Index("request_created_at_idx", "created_at"),
        Index("request_action_idx", "action", "id"),
        Index("request_subject_idx", "subject", "id"),
        Index("request_requested_by_idx", "requested_by", "id", "action"),
        Index(
            "request_failed_idx",
            "state",
            "id",
            "requested_by",
            postgresql_where=text("state IN ('failed', 'cancelled')"),
        ),
        Index(
            "request_failed_action_idx",
            "state",
            "action",
            "id",
            postgresql_where=text("state IN ('failed', 'cancelled')"),
        ),
        Index(
            "request_finished_at_idx",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL"),
        ),
        Index(
            "request_successor_id_idx",
            "successor_id",
            postgresql_where=text("successor_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    action: Mapped[str] = mapped_column(String(100))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    dedup_key: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(String(150))
    source: Mapped[str] = mapped_column(String(20))
    state: Mapped[RequestState] = mapped_column(String(20), server_default="queued")
    successor_id: Mapped[int | None] = mapped_column(ForeignKey("request.id", ondelete="SET NULL"))
    flow_run_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    worker: Mapped[str | None] = mapped_column(String(200))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[str | None] = mapped_column(Reason)
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    not_before: Mapped[datetime | None] = mapped_column(AwareTime)
    claimed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    started_at: Mapped[datetime | None] = mapped_column(AwareTime)
    finished_at: Mapped[datetime | None] = mapped_column(AwareTime)
    lease_until: Mapped[datetime | None] = mapped_column(AwareTime)
    # The one column that the web role may update: locking a row takes that privilege.
    joined_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # Since when it is in its state, by a trigger; null: since it was made.
    state_since: Mapped[datetime | None] = mapped_column(AwareTime)
    # The span that asked for it (W3C Trace Context), where that is traced.
    traceparent: Mapped[str | None] = mapped_column(String(55))


class Cancellation(Base):
    """Somebody's wish that a request end; the ops side carries it out."""

    __tablename__ = "cancellation"

    request_id: Mapped[int] = mapped_column(
        ForeignKey("request.id", ondelete="CASCADE"), primary_key=True
    )
    requested_by: Mapped[str] = mapped_column(String(150))
    reason: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    # When a run was ended for it; a later run of the request, which finds out what the ended one
    # did, is left alone.
    served_at: Mapped[datetime | None] = mapped_column(AwareTime)


class Event(Base):
    """One thing that happened, for everyone who listens. Append-only; readers follow `id`."""

    __tablename__ = "event"
    __table_args__ = (
        Index("event_at_idx", "at", "id"),
        Index("event_request_idx", "request_id"),
        Index(
            "event_execution_idx",
            "execution_id",
            "at",
            "id",
            postgresql_where=text("execution_id IS NOT NULL"),
        ),
        Index("event_lifecycle_at_idx", "at", postgresql_where=text(_LIFECYCLE_SQL)),
        Index("event_lifecycle_run_idx", "run_id", "id", postgresql_where=text(_LIFECYCLE_SQL)),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(AwareTime)
    msg_type: Mapped[str] = mapped_column(String(50))
    namespace: Mapped[str | None] = mapped_column(String(100))
    run_id: Mapped[str | None] = mapped_column(String(50))
    processed_by: Mapped[str | None] = mapped_column(String(100))
    subject: Mapped[str | None] = mapped_column(Text)
    # JSON, not JSONB: the text is sent to clients as it was written, keys in their order.
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    request_id: Mapped[int | None] = mapped_column(BigInteger)
    flow_run_id: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    execution_id: Mapped[str | None] = mapped_column(String(100))
    origin: Mapped[str | None] = mapped_column(String(20))
    """By what it came in, where it did: `bus` is not published there again."""


class PartKind(StrEnum):
    """The parts of the ops side that say how they are."""

    WORKER = "worker"
    RELAY = "relay"
    BRIDGE = "bridge"
    NOTIFIER = "notifier"
    SCANNER = "scanner"


class OpsPart(Base):
    """A part of the ops side: when it was last heard, and since when Prefect does not answer it.

    `wait_reasons`: what keeps it from working on requests; see `flows.common.wait_reasons`.
    `details`: what else there is to say of a part of its kind. `restarted_at`: when another process
    than before was first heard of it; null: never; `restarts`: how often that was.
    """

    __tablename__ = "ops_part"

    kind: Mapped[PartKind] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    heard_at: Mapped[datetime] = mapped_column(AwareTime)
    prefect_away_since: Mapped[datetime | None] = mapped_column(AwareTime)
    wait_reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    started_at: Mapped[datetime | None] = mapped_column(AwareTime)
    restarted_at: Mapped[datetime | None] = mapped_column(AwareTime)
    restarts: Mapped[int] = mapped_column(server_default=text("0"))


class RelayedState(Base):
    """A Prefect state that was made an event, so that none is relayed twice."""

    __tablename__ = "relayed_state"
    __table_args__ = (Index("relayed_state_at_idx", "at"),)

    state_id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    flow_run_id: Mapped[uuid.UUID] = mapped_column(Uuid)
    at: Mapped[datetime] = mapped_column(AwareTime)


class RegisteredDeployment(Base):
    """What was declared of a deployment when it was last written at Prefect.

    `digests`: one of each declared part, by its name.
    """

    __tablename__ = "registered_deployment"

    pool: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    digests: Mapped[dict[str, str]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(AwareTime, default=now)


class FeedPosition(Base):
    """Up to which event Prefect's event feed has everything that it is to get: one row."""

    __tablename__ = "feed_position"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger)


class ApiToken(Base):
    """A key to the API, and what its bearer may do. Only its hash is kept.

    `made_with_id`: the token with which its owner made it; null: the ops side did.
    """

    __tablename__ = "api_token"
    __table_args__ = (Index("api_token_owner_idx", "owner"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    owner: Mapped[str] = mapped_column(String(150))
    note: Mapped[str] = mapped_column(Text, default="")
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{read,message,request}'::text[]")
    )
    created_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    revoked_at: Mapped[datetime | None] = mapped_column(AwareTime)
    expires_at: Mapped[datetime | None] = mapped_column(AwareTime)
    last_used_at: Mapped[datetime | None] = mapped_column(AwareTime)
    made_with_id: Mapped[int | None] = mapped_column(
        ForeignKey("api_token.id", ondelete="SET NULL")
    )

    def is_good(self, at: datetime) -> bool:
        """Whether it opens anything at a time."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


class ApiUser(Base):
    """What a user may do whom a trusted proxy names."""

    __tablename__ = "api_user"

    name: Mapped[str] = mapped_column(String(150), primary_key=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    updated_at: Mapped[datetime] = mapped_column(AwareTime, default=now, onupdate=now)


class ApiSession(Base):
    """A browser that is signed in with a token. Only the hash of its cookie is kept."""

    __tablename__ = "api_session"

    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("api_token.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(AwareTime)
    expires_at: Mapped[datetime] = mapped_column(AwareTime)


class ApiPolicy(Base):
    """The ops side's settings that the database itself goes by: one row."""

    __tablename__ = "api_policy"
    __table_args__ = (CheckConstraint("is_only", name="is_only"),)

    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    proxied_scopes: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{read,request}'::text[]")
    )
    proxied_ceiling: Mapped[list[str]] = mapped_column(
        ARRAY(Text), server_default=text("'{read,request,operate}'::text[]")
    )
    services: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")


class ApiAction(Base):
    """The scope that an action takes at least, as the ops side has declared it."""

    __tablename__ = "api_action"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    scope: Mapped[str] = mapped_column(String(20))
