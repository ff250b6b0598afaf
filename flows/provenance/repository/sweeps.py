"""The SQL of sweeps: a campaign's rows are replaced as a whole. Nothing here commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from flows.common.database import among
from flows.provenance.domain.figures import Dataset
from flows.provenance.domain.join import Joined, Requested
from flows.provenance.domain.names import are_related, is_family
from flows.provenance.models import (
    CampaignSweep,
    DetectedRelease,
    Finding,
    LiveDid,
    PathMatch,
    ProducedDataset,
    RequestedPath,
    SweepState,
)

# Rows of `staged_file` name their dataset by its index; `:ids` are the datasets' keys, in order.
_GONE_FILES = text("""
    DELETE FROM provenance_file f USING unnest(cast(:ids AS bigint[])) WITH ORDINALITY d(id, place)
    WHERE f.dataset_id = d.id AND NOT EXISTS (
        SELECT FROM staged_file s WHERE s.dataset = d.place - 1 AND s.name = f.name)
""")
# Files that are as they were are not written again.
_NEW_FILES = text("""
    INSERT INTO provenance_file (dataset_id, name, size_bytes, adler32)
    SELECT d.id, s.name, s.size_bytes, s.adler32
    FROM staged_file s
    JOIN unnest(cast(:ids AS bigint[])) WITH ORDINALITY d(id, place) ON d.place - 1 = s.dataset
    LEFT JOIN provenance_file f ON f.dataset_id = d.id AND f.name = s.name
    WHERE f.dataset_id IS NULL
       OR (f.size_bytes, f.adler32) IS DISTINCT FROM (s.size_bytes, s.adler32)
    ON CONFLICT (dataset_id, name)
    DO UPDATE SET size_bytes = excluded.size_bytes, adler32 = excluded.adler32
""")


@dataclass(frozen=True, kw_only=True)
class Swept:
    """A campaign as it was found: everything that was asked for was answered."""

    campaign: str
    scope: str
    checked_at: datetime
    datasets: Sequence[Dataset]
    requested: Sequence[Requested]
    joined: Joined
    counts: Mapping[str, int]


def of_campaign(campaign: str) -> ColumnElement[bool]:
    """Whether a produced dataset is the campaign's, or of an edition of the family."""
    is_same = ProducedDataset.campaign == campaign
    if not is_family(campaign):
        return is_same
    return or_(is_same, ProducedDataset.campaign.startswith(f"{campaign}.", autoescape=True))


def replace(session: Session, swept: Swept, *, request_id: int, seconds: float) -> None:
    """Make a campaign's rows what was found; its files are those that were staged.

    The session must be on the connection that holds the staged files, in the order of `datasets`.
    """
    ids = _replace_datasets(session, swept)
    session.execute(_GONE_FILES, {"ids": ids})
    session.execute(_NEW_FILES, {"ids": ids})
    _replace_paths(session, swept)
    _replace_matches(session, swept, ids)
    row = {
        "campaign": swept.campaign,
        "state": SweepState.OK,
        "error": None,
        "attempted_at": swept.checked_at,
        "checked_at": swept.checked_at,
        "request_id": request_id,
        "seconds": seconds,
        "counts": dict(swept.counts),
    }
    _upsert(session, CampaignSweep, [row])


def note_failure(
    session: Session,
    campaign: str,
    error: str,
    *,
    attempted_at: datetime,
    request_id: int,
    requested: Sequence[Requested] = (),
) -> None:
    """Note that a sweep failed: what stands stays, and paths without an answer are unknown."""
    row = {
        "campaign": campaign,
        "state": SweepState.FAILED,
        "error": error,
        "attempted_at": attempted_at,
        "request_id": request_id,
    }
    _upsert(session, CampaignSweep, [row])
    rows = [
        {"campaign": campaign, "finding": Finding.UNKNOWN, **_path_columns(each, campaign)}
        for each in requested
    ]
    if rows:
        session.execute(insert(RequestedPath).on_conflict_do_nothing(), rows)


def outputs_of(session: Session, tasks: Sequence[str]) -> list[ProducedDataset]:
    """The datasets that belong to the tasks, of all campaigns, by name."""
    owned = select(ProducedDataset).where(among(ProducedDataset.owner_task, tasks))
    return list(session.scalars(owned.order_by(ProducedDataset.name)))


def add_counts(session: Session, campaign: str, counts: Mapping[str, int]) -> None:
    """Add numbers to those of a campaign's last sweep."""
    session.execute(
        update(CampaignSweep)
        .where(CampaignSweep.campaign == campaign)
        .values(counts=CampaignSweep.counts.concat(dict(counts)))
    )


def replace_releases(session: Session, releases: Mapping[str, int], checked_at: datetime) -> None:
    """Make the detected releases what was found."""
    session.execute(delete(DetectedRelease).where(~among(DetectedRelease.version, releases)))
    rows = [
        {"version": version, "datasets": number, "checked_at": checked_at}
        for version, number in releases.items()
    ]
    _upsert(session, DetectedRelease, rows)


def note_live(session: Session, values: Mapping[str, Any]) -> None:
    """Note what Rucio said of a DID, or that it did not answer: then what it said before stays."""
    _upsert(session, LiveDid, [values], first={"is_there": False})


def _replace_datasets(session: Session, swept: Swept) -> list[int]:
    """The keys of the datasets, in their order."""
    rows = [_dataset_columns(each, swept) for each in swept.datasets]
    keys: dict[str, int] = {}
    if rows:
        statement = insert(ProducedDataset)
        added = statement.on_conflict_do_update(
            index_elements=["scope", "name"],
            set_={name: statement.excluded[name] for name in rows[0]},
        ).returning(ProducedDataset.name, ProducedDataset.id)
        keys = {row.name: row.id for row in session.execute(added, rows)}
    of_sweep = of_campaign(swept.campaign) & (ProducedDataset.scope == swept.scope)
    gone = delete(ProducedDataset).where(of_sweep, ~among(ProducedDataset.id, keys.values()))
    session.execute(gone)
    return [keys[each.name.name] for each in swept.datasets]


def _dataset_columns(dataset: Dataset, swept: Swept) -> dict[str, Any]:
    owner = swept.joined.owners.get(dataset.name.name)
    return {
        "scope": swept.scope,
        **asdict(dataset.name),
        "length": dataset.length,
        "size_bytes": dataset.size_bytes,
        "is_open": dataset.is_open,
        "file_count": dataset.content.files,
        "file_bytes": dataset.content.size_bytes,
        "counted_files": dataset.counted.files,
        "counted_bytes": dataset.counted.size_bytes,
        "rses": [dict(each) for each in dataset.rses],
        "availability": dataset.availability,
        "contradictions": list(dataset.contradictions),
        "arrived_at": dataset.arrived_at,
        "checked_at": swept.checked_at,
        "owner_path": owner.path if owner is not None else None,
        "owner_task": owner.task if owner is not None else None,
    }


def _replace_paths(session: Session, swept: Swept) -> None:
    rows = [
        {
            "campaign": swept.campaign,
            **asdict(swept.joined.outcomes[each.path]),
            "checked_at": swept.checked_at,
            **_path_columns(each, swept.campaign),
        }
        for each in swept.requested
    ]
    _upsert(session, RequestedPath, rows)
    paths = [each.path for each in swept.requested]
    session.execute(
        delete(RequestedPath).where(
            RequestedPath.campaign == swept.campaign, ~among(RequestedPath.path, paths)
        )
    )


def _path_columns(requested: Requested, campaign: str) -> dict[str, Any]:
    return {
        "path": requested.path,
        "suffix": requested.suffix,
        "priority": requested.priority,
        "requestor": requested.requestor,
        "tasks": sorted(task.name for task in requested.tasks),
        "campaign_tasks": sorted(
            task.name
            for task in requested.tasks
            if task.campaign and are_related(task.campaign, campaign)
        ),
    }


def _replace_matches(session: Session, swept: Swept, ids: Sequence[int]) -> None:
    key = {each.name.name: id_ for each, id_ in zip(swept.datasets, ids, strict=True)}
    session.execute(delete(PathMatch).where(PathMatch.campaign == swept.campaign))
    rows = [
        {
            "campaign": swept.campaign,
            "path": match.path,
            "dataset_id": key[match.name],
            "rule": match.rule,
            "file_count": match.file_count,
        }
        for match in swept.joined.matches
    ]
    if rows:
        session.execute(insert(PathMatch), rows)


def _upsert(
    session: Session,
    model: Any,
    rows: Sequence[Mapping[str, Any]],
    *,
    first: Mapping[str, Any] | None = None,
) -> None:
    """Insert rows, or overwrite the columns that are given of those with the same key.

    Only a new row gets the values of `first`.
    """
    if not rows:
        return
    statement = insert(model)
    keys = [column.name for column in model.__table__.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    upsert = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    session.execute(upsert, [{**(first or {}), **row} for row in rows])
