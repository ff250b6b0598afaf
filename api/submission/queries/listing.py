"""The list of production tasks: its filters, its order, its counts, and a page of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, String, and_, exists, func, or_, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from api.http import search
from api.pcs.models import Attempt, Campaign, Dataset, ProdTask, TaskStatus
from api.pcs.queries import tasks
from flows.common.database import among
from flows.common.models import Request
from flows.common.text import unkeepable

PAGE_SIZE: Final = 100
NO_CAMPAIGN: Final = "-"
"""What stands in the page's address for tasks without a campaign; an empty one means all."""
LARGEST_PAGE: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which tasks are listed, in what order, and which page of them, as the address says."""

    text: str = ""
    status: str = ""
    campaign: str = ""
    owner: str = ""
    is_submitting: bool = False
    sort: str = "-updated"
    page: int = 1

    @classmethod
    def of(cls, asked: dict[str, str]) -> Filter:
        """The filter of an address's query; what else cannot be meant is left out.

        Raises:
            BadQuery: The text that is searched for cannot be meant as it stands.
        """
        known = {name: value for name, value in asked.items() if not any(unkeepable(value))}
        sort = known.get("sort", "")
        page = known.get("page", "")
        is_page = page.isascii() and page.isdecimal() and len(page) < len(str(LARGEST_PAGE))
        return cls(
            text=search.words("q", asked.get("q", "")),
            status=known.get("status", "") if known.get("status") in _STATUSES else "",
            campaign=known.get("campaign", ""),
            owner=known.get("owner", ""),
            is_submitting=known.get("submitting", "") not in {"", "0"},
            sort=sort if sort.removeprefix("-") in SORTS else cls.sort,
            page=max(1, int(page)) if is_page else 1,
        )

    @property
    def is_any(self) -> bool:
        """Whether anything is filtered."""
        return bool(self.text or self.status or self.campaign or self.owner or self.is_submitting)

    def query(self, **changed: Any) -> str:
        """The address's query, with parts of it changed; the page begins again with its filter."""
        parts = {
            "q": self.text,
            "status": self.status,
            "campaign": self.campaign,
            "owner": self.owner,
            "submitting": "1" if self.is_submitting else "",
            "sort": "" if self.sort == Filter.sort else self.sort,
            **changed,
        }
        return urlencode({name: value for name, value in parts.items() if value})


@dataclass(frozen=True)
class Row:
    """A task as the list shows it.

    Attributes:
        task: The task, with its dataset, campaign and attempts.
        reference: What names it in an address: its composed name where no other task bears it.
        request: Its open submission request.
    """

    task: ProdTask
    reference: str
    request: Request | None


@dataclass(frozen=True)
class Listing:
    """A page of tasks, and what the filters offer."""

    rows: list[Row]
    total: int
    counts: dict[str, int]
    campaigns: list[str]
    owners: list[str]

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // PAGE_SIZE))


_last = (
    select(Attempt.prod_task_id, Attempt.status_snapshot)
    .distinct(Attempt.prod_task_id)
    .order_by(Attempt.prod_task_id, Attempt.try_number.desc())
    .subquery("last_attempt")
)
SORTS: Final[dict[str, Any]] = {
    "name": Dataset.composed_name,
    "status": ProdTask.status,
    "campaign": Campaign.name,
    "jedi": ProdTask.panda_task_id,
    "panda": _last.c.status_snapshot,
    "owner": ProdTask.created_by,
    "updated": ProdTask.updated_at,
}
"""What the list may be sorted by, as the address says it; `-` before it turns the order round."""
_STATUSES: Final = frozenset(TaskStatus)


def read(session: Session, wanted: Filter) -> Listing:
    """The page of tasks that is wanted."""
    counts = _counts(session, wanted)
    total = counts.get(wanted.status, 0) if wanted.status else sum(counts.values())
    return Listing(
        rows=_rows(session, wanted),
        total=total,
        counts=counts,
        campaigns=_campaigns(session),
        owners=list(
            session.scalars(select(ProdTask.created_by).distinct().order_by(ProdTask.created_by))
        ),
    )


def keys(session: Session, wanted: Filter) -> list[int]:
    """The keys of all tasks of the filter, in its order."""
    query = _joined(select(ProdTask.id)).where(*_conditions(wanted))
    return list(session.scalars(query.order_by(*_order(wanted.sort))))


def tasks_of(session: Session, keys: Sequence[int]) -> list[ProdTask]:
    """The tasks of those keys, with all that belongs to them, in the keys' order."""
    query = select(ProdTask).where(among(ProdTask.id, keys)).options(*tasks.loaded())
    order = {key: number for number, key in enumerate(keys)}
    return sorted(session.scalars(query), key=lambda task: order[task.id])


def references(session: Session, tasks: Sequence[ProdTask]) -> dict[int, str]:
    """What names each task in an address: a composed name means one task, or else its key does."""
    composed = {task.id: task.dataset.composed_name for task in tasks}
    several = set(
        session.scalars(
            select(Dataset.composed_name)
            .join(ProdTask, ProdTask.dataset_id == Dataset.id)
            .where(among(Dataset.composed_name, set(composed.values())))
            .group_by(Dataset.composed_name)
            .having(func.count() > 1)
        )
    )
    return {key: str(key) if name in several else name for key, name in composed.items()}


def _counts(session: Session, wanted: Filter) -> dict[str, int]:
    query = (
        _joined(select(ProdTask.status, func.count()))
        .where(*_conditions(wanted, is_any_status=True))
        .group_by(ProdTask.status)
    )
    found = {str(status): int(count) for status, count in session.execute(query)}
    return {status.value: found[status] for status in TaskStatus if status in found}


def _rows(session: Session, wanted: Filter) -> list[Row]:
    query = _joined(select(ProdTask)).where(*_conditions(wanted)).order_by(*_order(wanted.sort))
    shown = query.options(
        contains_eager(ProdTask.dataset),
        contains_eager(ProdTask.campaign),
        selectinload(ProdTask.attempts),
    )
    start = (wanted.page - 1) * PAGE_SIZE
    found = session.scalars(shown.limit(PAGE_SIZE).offset(start)).all()
    named = references(session, found)
    asked = tasks.open_requests(session, [task.name for task in found])
    return [Row(task, named[task.id], asked.get(task.name)) for task in found]


def _joined(query: Select[Any]) -> Select[Any]:
    return (
        query.select_from(ProdTask)
        .join(Dataset, ProdTask.dataset_id == Dataset.id)
        .outerjoin(Campaign, ProdTask.campaign_id == Campaign.id)
        .outerjoin(_last, _last.c.prod_task_id == ProdTask.id)
    )


def _conditions(wanted: Filter, *, is_any_status: bool = False) -> list[ColumnElement[bool]]:
    conditions = [_says(word) for word in wanted.text.split()]
    if wanted.status and not is_any_status:
        conditions.append(ProdTask.status == wanted.status)
    if wanted.campaign == NO_CAMPAIGN:
        conditions.append(ProdTask.campaign_id.is_(None))
    elif wanted.campaign:
        conditions.append(Campaign.name == wanted.campaign)
    if wanted.owner:
        conditions.append(ProdTask.created_by == wanted.owner)
    if wanted.is_submitting:
        conditions.append(tasks.has_open_request())
    return conditions


def _says(word: str) -> ColumnElement[bool]:
    """Whether a task's names or its id hold the word, in any case."""
    return or_(
        Dataset.composed_name.icontains(word, autoescape=True),
        ProdTask.name.icontains(word, autoescape=True),
        and_(
            ProdTask.panda_task_id.is_not(None),
            ProdTask.panda_task_id.cast(String).startswith(word, autoescape=True),
        ),
    )


def _order(sort: str) -> tuple[Any, Any]:
    column = SORTS[sort.removeprefix("-")]
    is_falling = sort.startswith("-")
    main = column.desc().nulls_last() if is_falling else column.asc().nulls_last()
    return main, ProdTask.id.desc() if is_falling else ProdTask.id.asc()


def _campaigns(session: Session) -> list[str]:
    used = exists().where(ProdTask.campaign_id == Campaign.id)
    names = list(session.scalars(select(Campaign.name).where(used).order_by(Campaign.name.desc())))
    has_none = session.scalar(select(exists().where(ProdTask.campaign_id.is_(None))))
    return [*names, NO_CAMPAIGN] if has_none else names
