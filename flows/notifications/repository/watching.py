"""Which watches have come true: by what an event says, or by how their subjects stand now.

Subjects are looked up by an index: what an event costs does not grow with the number of watches.
Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import TextClause, text, update
from sqlalchemy.orm import Session

from flows.common.database import among, now
from flows.notifications.domain.happenings import Fact
from flows.notifications.domain.words import SubjectKind, WatchFor
from flows.notifications.models import Watch


@dataclass(frozen=True)
class LiveWatch:
    """A watch that has not fired."""

    id: int
    username: str
    kind: SubjectKind
    subject: str
    watch_for: WatchFor
    channel_id: int | None

    @property
    def fact(self) -> Fact:
        """What it waits for."""
        return self.kind, self.subject, self.watch_for


# A channel may have been closed to watchers since.
_TOLD = """
    (channel_id IS NULL
     OR channel_id IN (SELECT id FROM notification_channel WHERE is_open_to_watchers))
"""
_COLUMNS = "w.id, w.username, w.kind, w.subject, w.watch_for, w.channel_id"
_OF_FACTS = text(f"""
    SELECT {_COLUMNS}
    FROM unnest(cast(:kinds AS text[]), cast(:subjects AS text[])) AS said (kind, subject)
    JOIN notification_watch AS w ON w.kind = said.kind AND w.subject = said.subject
    WHERE w.fired_at IS NULL AND {_TOLD}
""")  # noqa: S608 - of constants
# Each gives the live watches of a kind that hold as the database stands.
_HOLDING: Final[dict[SubjectKind, str]] = {
    SubjectKind.TASK: """
        JOIN pcs_prod_task AS task ON task.name = w.subject
        WHERE CASE w.watch_for
            WHEN 'submitted' THEN task.panda_task_id IS NOT NULL
            WHEN 'complete' THEN task.status IN ('completed', 'past_output')
            WHEN 'failed' THEN task.status = 'failed'
            ELSE task.status IN ('completed', 'past_output', 'failed') END
    """,
    SubjectKind.DATASET: """
        JOIN provenance_dataset AS found ON found.scope = split_part(w.subject, ':', 1)
            AND found.name = substr(w.subject, strpos(w.subject, ':') + 1)
        WHERE w.watch_for = 'arrived' AND found.file_count > 0
           OR w.watch_for = 'complete' AND found.availability = 'complete'
    """,
    SubjectKind.PATH: """
        JOIN provenance_path AS path ON path.path = w.subject AND path.finding = 'found'
        WHERE w.watch_for = 'arrived' OR NOT EXISTS (
            SELECT FROM provenance_match AS match
            JOIN provenance_dataset AS found ON found.id = match.dataset_id
            WHERE match.campaign = path.campaign AND match.path = path.path
              AND match.rule IN ('exact', 'background', 'file')
              AND found.availability <> 'complete')
    """,
    SubjectKind.CAMPAIGN: """
        JOIN provenance_campaign AS swept ON swept.campaign = w.subject
        WHERE w.watch_for = 'complete' AND (swept.counts ->> 'requested')::bigint > 0
          AND swept.counts ->> 'complete' = swept.counts ->> 'requested'
    """,
    SubjectKind.REQUEST: """
        JOIN request ON request.id
            = CASE WHEN w.subject ~ '^[0-9]{1,18}$' THEN w.subject::bigint END
        WHERE CASE w.watch_for WHEN 'complete' THEN request.state = 'completed'
                               WHEN 'failed' THEN request.state = 'failed'
                               ELSE request.state IN ('completed', 'failed', 'cancelled') END
    """,
}
_LIVE = f"SELECT * FROM notification_watch WHERE fired_at IS NULL AND kind = :kind AND {_TOLD}"  # noqa: S608 - of constants


def _statement(kind: SubjectKind, narrowed: str) -> TextClause:
    live = f"WITH w AS ({_LIVE} {narrowed})"
    return text(f"{live} SELECT {_COLUMNS} FROM w {_HOLDING[kind]}")  # noqa: S608 - of constants


_OF_KIND: Final = {kind: _statement(kind, "") for kind in SubjectKind}
_OF_SUBJECTS: Final = {
    kind: _statement(kind, "AND subject = ANY (:subjects)") for kind in SubjectKind
}
_NEW: Final = {kind: _statement(kind, "AND is_new") for kind in SubjectKind}
_SETTLE_NEW = text("UPDATE notification_watch SET is_new = false WHERE id = ANY (:ids)")
_NOTE_TOLD = text("""
    UPDATE notification_watch SET notification_id = notification.id
    FROM unnest(cast(:ids AS bigint[]), cast(:keys AS text[])) AS told (id, key)
    JOIN notification ON notification.dedup_key = told.key
    WHERE notification_watch.id = told.id
""")
_NEW_IDS = text("SELECT id, kind FROM notification_watch WHERE is_new ORDER BY id LIMIT :limit")


def of_facts(session: Session, facts: Collection[Fact]) -> list[LiveWatch]:
    """The live watches whose subjects are said something of; what they wait for is looked at."""
    subjects = {(str(kind), subject) for kind, subject, _ in facts}
    values = {"kinds": [kind for kind, _ in subjects], "subjects": [each for _, each in subjects]}
    found = _watches(session, _OF_FACTS, values) if subjects else []
    return [each for each in found if each.fact in facts]


def holding(
    session: Session, kind: SubjectKind, subjects: Collection[str] | None
) -> list[LiveWatch]:
    """The live watches of that kind that hold now: of those subjects, or of all."""
    if subjects is None:
        return _watches(session, _OF_KIND[kind], {"kind": kind.value})
    values = {"kind": kind.value, "subjects": list(subjects)}
    return _watches(session, _OF_SUBJECTS[kind], values)


def holding_already(session: Session, limit: int) -> list[LiveWatch]:
    """The new watches that hold already; all that were looked at are new no more."""
    new = session.execute(_NEW_IDS, {"limit": limit}).all()
    found = []
    kinds = {row.kind for row in new}
    for kind in (each for each in SubjectKind if each in kinds):
        found += _watches(session, _NEW[kind], {"kind": kind.value})
    if new:
        session.execute(_SETTLE_NEW, {"ids": [row.id for row in new]})
    return found


def fire(session: Session, watches: Iterable[LiveWatch]) -> set[int]:
    """Spend these watches; gives those that nobody had spent or removed."""
    ids = sorted({each.id for each in watches})
    spent = update(Watch).where(among(Watch.id, ids), Watch.fired_at.is_(None))
    done = spent.values(fired_at=now(), is_new=False).returning(Watch.id)
    return set(session.scalars(done)) if ids else set()


def note_told(session: Session, keys: Mapping[int, str]) -> None:
    """Note at spent watches the notification that told them, by its key: another's may be theirs.

    Args:
        session: The database.
        keys: The keys of notifications, by the watches' numbers.
    """
    values = {"ids": list(keys), "keys": list(keys.values())}
    if keys:
        session.execute(_NOTE_TOLD, values)


def _watches(
    session: Session, statement: TextClause, values: Mapping[str, object]
) -> list[LiveWatch]:
    rows = session.execute(statement, values)
    return [
        LiveWatch(
            row.id, row.username, SubjectKind(row.kind), row.subject,
            WatchFor(row.watch_for), row.channel_id,
        )
        for row in rows
        if row.watch_for in set(WatchFor)
    ]  # fmt: skip
