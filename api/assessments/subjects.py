"""What an assessment is about, found by the key that was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from api.assessments.domain import SubjectType, canonical_type
from api.http.fields import big_number
from api.pcs.errors import TaskNotFound
from api.pcs.models import Attempt, Dataset
from api.pcs.queries import tasks
from api.provenance.queries import campaigns, dids
from api.provenance.queries.campaigns import CampaignNotFound
from api.provenance.queries.dids import BadDid
from api.provenance.queries.lineage import dataset_named
from blocks.errors import NotFound
from flows.common.models import Request
from flows.payload_logs.models import PayloadLog


class SubjectNotFound(NotFound):
    """Nothing here has that key."""

    def __init__(self, subject_type: str, key: str) -> None:
        super().__init__(f"No local subject found for {subject_type}:{key[:200]}")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What an assessment is about.

    Attributes:
        path: Of its page, below the prefix; empty where it has none.
        is_linked: Whether it is known here.
    """

    type: str
    key: str
    label: str = ""
    path: str = ""
    is_linked: bool = True


def find(session: Session, subject_type: str, key: str) -> Subject:
    """The subject of a type and a key; of a type that is not known here, as it was said.

    Raises:
        SubjectNotFound: Nothing has the key.
        AmbiguousIdentity: Several tasks have the name.
    """
    kind = canonical_type(subject_type)
    if (look := _FINDERS.get(kind)) is None:
        return Subject(type=kind, key=key, is_linked=False)
    try:
        found = look(session, key)
    except (TaskNotFound, CampaignNotFound, BadDid):
        found = None
    if found is None:
        raise SubjectNotFound(kind, key)
    return found


def _task(session: Session, key: str) -> Subject:
    task = tasks.resolve(session, key)
    return Subject(
        type=SubjectType.CAMPAIGN_TASK,
        key=task.name,
        label=task.dataset.composed_name,
        path=_task_path(task.name),
    )


def _panda_task(session: Session, key: str) -> Subject | None:
    number = big_number(key)
    by_id = Attempt.jedi_task_id == number
    condition = by_id if number is not None else Attempt.task_name == key
    attempt = session.scalar(select(Attempt).where(condition).limit(1))
    if attempt is None:
        return None
    return Subject(
        type=SubjectType.PANDA_TASK,
        key=str(attempt.jedi_task_id or attempt.task_name),
        label=attempt.task_name,
        path=_task_path(attempt.task.name),
    )


def _job(session: Session, key: str) -> Subject | None:
    number = big_number(key)
    if number is None:
        return None
    return Subject(
        type=SubjectType.PANDA_JOB,
        key=str(number),
        label=f"PanDA job {number}",
        path=f"/panda/jobs/{number}/log/",
        is_linked=session.get(PayloadLog, number) is not None,
    )


def _dataset(session: Session, key: str) -> Subject | None:
    by_name = or_(Dataset.did == key, Dataset.dataset_name == key)
    row = session.execute(
        select(Dataset.id, Dataset.did).where(by_name).order_by(Dataset.id).limit(1)
    )
    if (ours := row.first()) is not None:
        path = f"/pcs/api/datasets/{ours.id}/"  # it has no page: its DID is none that Rucio has
        return Subject(type=SubjectType.DATASET, key=ours.did, label=ours.did, path=path)
    did = dids.parse(key)
    is_known = dataset_named(session, did.scope, did.name) is not None
    return Subject(
        type=SubjectType.DATASET,
        key=str(did),
        label=str(did),
        path=_did_path(str(did)),
        is_linked=is_known,
    )


def _campaign(session: Session, key: str) -> Subject:
    campaigns.require(session, key)
    path = f"/pcs/catalog/?campaign={quote(key, safe='')}"
    return Subject(type=SubjectType.CAMPAIGN, key=key, label=key, path=path)


def _request(session: Session, key: str) -> Subject | None:
    number = big_number(key)
    found = session.get(Request, number) if number is not None else None
    if found is None:
        return None
    label = f"{found.action} {found.subject or ''}".strip()
    path = f"/requests/{found.id}/"
    return Subject(type=SubjectType.REQUEST, key=str(found.id), label=label, path=path)


_FINDERS: Final[dict[str, Callable[[Session, str], Subject | None]]] = {
    SubjectType.CAMPAIGN_TASK: _task,
    SubjectType.PANDA_TASK: _panda_task,
    SubjectType.PANDA_JOB: _job,
    SubjectType.DATASET: _dataset,
    SubjectType.CAMPAIGN: _campaign,
    SubjectType.REQUEST: _request,
}


def _task_path(name: str) -> str:
    return f"/pcs/tasks/{quote(name, safe='')}/"


def _did_path(did: str) -> str:
    return f"/pcs/did/?did={quote(did, safe=':/')}"
