"""How the ops side stands: which of its parts are heard, whether Prefect answers, and what waits.

The parts say it here, for the web tier, which reaches nothing but the database. All times are the
database's: the clocks of the machines need not agree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from flows.common.models import PartKind
from flows.common.wait_reasons import WaitKind, WaitReason

BEAT_SECONDS: Final = 5.0
"""How often a part says that it is there."""
AWAY_SECONDS: Final = 20
"""A part that was not heard for so long is away."""
MOST_COUNTED: Final = 1000
"""So many waiting requests are counted; what is more is said to be more."""

_STARTED_AT: Final = datetime.now(UTC)  # of this process, which is one part
_BEAT = text("""
    INSERT INTO ops_part AS part
        (kind, name, heard_at, prefect_away_since, wait_reasons, details, started_at)
    VALUES (:kind, :name, now(), CASE WHEN :answers THEN NULL ELSE now() END,
            cast(:wait_reasons AS jsonb), cast(:details AS jsonb), :started_at)
    ON CONFLICT (kind, name) DO UPDATE SET
        heard_at = now(),
        wait_reasons = excluded.wait_reasons,
        details = excluded.details,
        started_at = excluded.started_at,
        restarted_at = CASE WHEN part.started_at <> excluded.started_at
                            THEN now() ELSE part.restarted_at END,
        restarts = part.restarts + coalesce(part.started_at <> excluded.started_at, false)::int,
        prefect_away_since =
            CASE WHEN :answers THEN NULL ELSE coalesce(part.prefect_away_since, now()) END
""")
# The newest of a kind stays: since when it is away is what people ask.
_FORGET = text("""
    DELETE FROM ops_part
    WHERE kind = :kind AND name <> :name AND heard_at < now() - interval '1 day'
""")
_PARTS = text("""
    SELECT max(heard_at) FILTER (WHERE kind = 'worker') AS worker_heard_at,
           max(heard_at) FILTER (WHERE kind = 'relay') AS relay_heard_at,
           min(prefect_away_since) FILTER (WHERE heard_at >= edge) AS prefect_away_since,
           coalesce(bool_or(kind = 'worker' AND heard_at >= edge), false) AS is_worker_heard,
           coalesce(bool_or(kind = 'relay' AND heard_at >= edge), false) AS is_relay_heard,
           coalesce(jsonb_agg(jsonb_build_array(extract(epoch FROM heard_at), wait_reasons))
                    FILTER (WHERE kind = 'worker' AND heard_at >= edge), '[]') AS workers,
           coalesce(jsonb_agg(jsonb_build_array(extract(epoch FROM heard_at), heard_at >= edge,
                                                details))
                    FILTER (WHERE kind = 'bridge'), '[]') AS bridges,
           pg_is_in_recovery()
               OR current_setting('transaction_read_only')::boolean AS is_read_only
    FROM ops_part, (SELECT now() - make_interval(secs => :away) AS edge) AS line
""")
_QUEUE = text("""
    SELECT count(*) AS waiting, min(created_at) AS waiting_since,
           coalesce(extract(epoch FROM now() - min(created_at)), 0)::float AS waiting_seconds,
           coalesce((SELECT max(id) FROM request), 0) AS newest_request
    FROM (SELECT created_at FROM request
          WHERE state = 'queued' AND (not_before IS NULL OR not_before <= now())
          ORDER BY id LIMIT :most) AS queued
""")


class BridgeCondition(StrEnum):
    """How a bridge to the message bus is."""

    STARTING = "starting"
    CONNECTED = "connected"
    """It is subscribed, and takes and publishes."""
    STANDS_BY = "stands_by"
    """Another bridge works on this database."""
    BROKER_AWAY = "broker_away"
    DATABASE_AWAY = "database_away"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """A bridge to the message bus, as it said itself.

    Attributes:
        heard_at: When it was last heard.
        is_heard: Whether that is not too long ago.
        condition: How it was then.
        text: Why.
        since: Since when.
    """

    heard_at: datetime
    is_heard: bool
    condition: BridgeCondition
    text: str
    since: datetime

    @property
    def is_connected(self) -> bool:
        """Whether it was connected to the broker."""
        return self.condition is BridgeCondition.CONNECTED

    @property
    def is_working(self) -> bool:
        """Whether it had not ended, nor left the work to another."""
        return self.condition not in {BridgeCondition.ENDED, BridgeCondition.STANDS_BY}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How the ops side stands.

    Attributes:
        worker_heard_at: When a worker was last heard; None: never.
        is_read_only: Whether the database takes no writes; then no part can say that it is there.
        prefect_away_since: Since when Prefect does not answer a part that is heard.
        waiting: How many requests wait that could run; one more than `MOST_COUNTED` means more.
        waiting_since: When the oldest of them was asked for.
        newest_request: The id of the newest request.
        workers: Of each worker that is heard, what keeps it from working on requests.
        bridges: The bridges to the message bus, the one heard last first.
    """

    worker_heard_at: datetime | None
    relay_heard_at: datetime | None
    is_worker_heard: bool
    is_relay_heard: bool
    is_read_only: bool
    prefect_away_since: datetime | None
    waiting: int
    waiting_since: datetime | None
    waiting_seconds: float
    newest_request: int
    workers: tuple[tuple[WaitReason, ...], ...] = ()
    bridges: tuple[Bridge, ...] = ()

    @property
    def refusals(self) -> list[WaitReason]:
        """What Prefect refuses to register."""
        reasons = [reason for each in self.workers for reason in each]
        return [each for each in reasons if each.kind is WaitKind.REGISTRATION]

    @property
    def missing_bridge(self) -> Bridge | None:
        """The bridge that ought to be connected, where none is; None where there is no bus."""
        if any(each.is_heard and each.is_connected for each in self.bridges):
            return None
        heard = [each for each in self.bridges if each.is_heard and each.is_working]
        silent = [each for each in self.bridges[:1] if each.is_working]
        return next(iter([*heard, *silent]), None)


def beat(
    session: Session,
    kind: PartKind,
    name: str,
    *,
    prefect_answers: bool,
    wait_reasons: Sequence[dict[str, Any]] = (),
    details: Mapping[str, Any] | None = None,
) -> None:
    """Say that a part is there.

    Args:
        session: The database.
        kind: What it is.
        name: Its name, one of its kind.
        prefect_answers: Whether Prefect answers it.
        wait_reasons: What keeps it from working on requests: rows of `WaitReason`.
        details: What else there is to say of a part of its kind.
    """
    values = {"kind": kind.value, "name": name}
    said = {"wait_reasons": json.dumps(list(wait_reasons)), "details": json.dumps(details or {})}
    how = {"answers": prefect_answers, "started_at": _STARTED_AT}
    session.execute(_BEAT, values | said | how)
    session.execute(_FORGET, values)


def read(session: Session) -> Standing:
    """How the ops side stands now; cheap, however much waits."""
    parts = dict(session.execute(_PARTS, {"away": AWAY_SECONDS}).mappings().one())
    queue = session.execute(_QUEUE, {"most": MOST_COUNTED + 1}).mappings().one()
    workers = tuple(tuple(_reasons(*said)) for said in parts.pop("workers"))
    bridges = sorted(_bridges(parts.pop("bridges")), key=lambda each: each.heard_at, reverse=True)
    return Standing(**parts, **queue, workers=workers, bridges=tuple(bridges))


def _bridges(rows: list[tuple[float, bool, dict[str, Any]]]) -> Iterator[Bridge]:
    for heard_at, is_heard, details in rows:
        with suppress(KeyError, TypeError, ValueError):  # of a bridge of another version
            yield Bridge(
                heard_at=datetime.fromtimestamp(heard_at, UTC),
                is_heard=is_heard,
                condition=BridgeCondition(details["condition"]),
                text=str(details["text"]),
                since=datetime.fromisoformat(details["since"]),
            )


def _reasons(heard_at: float, rows: list[dict[str, Any]]) -> Iterator[WaitReason]:
    moment = datetime.fromtimestamp(heard_at, UTC)
    for row in rows:
        with suppress(KeyError, TypeError, ValueError):  # of a worker of another version
            yield WaitReason.of_row(row, moment)
