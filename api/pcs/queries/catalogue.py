"""The catalogue, from campaigns to requests: listed by filters, found by keys and names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from api.pcs.models import Campaign, Dataset, Lifecycle, ProdConfig, Tag, TagKind
from api.pcs.queries.rows import equal, key_of, no_match, paged, unknown
from blocks.errors import Invalid, NotFound
from flows.common.text import Text

TAG_FIELDS: Final = {kind.field: kind for kind in TagKind}

# ------------------------------------------------------------------ campaigns


@dataclass(frozen=True, kw_only=True)
class CampaignFilter:
    """Which campaigns a list shows; an absent field filters nothing."""

    lifecycle: Lifecycle | None = None


def campaign(session: Session, key: str | int, *, is_locked: bool = False) -> Campaign:
    """The campaign of that name or key.

    Raises:
        NotFound: There is none.
    """
    conditions = [Campaign.name == key] if isinstance(key, str) else []
    if (number := key_of(key)) is not None:
        conditions.append(Campaign.id == number)
    for condition in conditions:
        query = select(Campaign).where(condition)
        found = session.scalar(query.with_for_update() if is_locked else query)
        if found is not None:
            return found
    raise NotFound(f"No campaign '{key}'")


def current_campaign(session: Session) -> Campaign | None:
    """The current campaign."""
    return session.scalar(select(Campaign).where(Campaign.lifecycle == Lifecycle.CURRENT))


def campaign_key(session: Session, key: str | int | None, field: str = "campaign") -> int | None:
    """The key of the campaign that a field of something else names by name or key.

    Raises:
        Invalid: There is none.
    """
    try:
        return None if key is None else campaign(session, key).id
    except NotFound as error:
        raise Invalid({field: [f"{error}."]}) from None


# ------------------------------------------------------------------ categories and tags


@dataclass(frozen=True)
class NoFilter:
    """Nothing to filter by."""


def tag_counts(session: Session) -> dict[int | None, int]:
    """How many physics tags each category has, by its digit."""
    counted = select(Tag.category_digit, func.count()).group_by(Tag.category_digit)
    return dict(session.execute(counted).tuples().all())


@dataclass(frozen=True, kw_only=True)
class TagFilter:
    """Which tags a list shows; an absent field filters nothing."""

    status: Literal["draft", "locked"] | None = None


def tags(session: Session, wanted: TagFilter, *, kind: TagKind) -> list[Tag]:
    """The tags of a kind and a filter, by number."""
    query = select(Tag).where(Tag.kind == kind).options(selectinload(Tag.category))
    query = equal(query, wanted, status=Tag.status)
    return list(session.scalars(query.order_by(Tag.tag_number)))


def tag(session: Session, number: int, *, kind: TagKind, is_locked: bool = False) -> Tag:
    """A tag, its row locked where it is to change.

    Raises:
        NotFound: There is none of that number.
    """
    query = select(Tag).where(Tag.kind == kind, Tag.tag_number == number)
    found = session.scalar(query.with_for_update() if is_locked else query)
    if found is None:
        raise NotFound(f"No {kind.word.capitalize()}Tag matches the given query.")
    return found


def named_tag(session: Session, field: str, key: str | int | None) -> Tag | None:
    """The tag that a field of a dataset names by key or label; None where it names none.

    Raises:
        Invalid: There is none of the field's kind.
    """
    if key is None or key == "":
        return None
    condition = Tag.tag_label == key if isinstance(key, str) else Tag.id == key
    found = session.scalar(select(Tag).where(condition, Tag.kind == TAG_FIELDS[field]))
    if found is None:
        raise unknown(field, key)
    return found


# ------------------------------------------------------------------ datasets


@dataclass(frozen=True, kw_only=True)
class DatasetFilter:
    """Which datasets a list shows; an absent field filters nothing."""

    stage: Text | None = None
    source_kind: Text | None = None
    source_location: Text | None = None
    scope: Text | None = None
    status: Text | None = None
    campaign: Text | None = None
    name_contains: Text | None = None


def datasets(session: Session, wanted: DatasetFilter) -> list[Dataset]:
    """The datasets of a filter, oldest first."""
    return list(session.scalars(_selected(wanted)))


def dataset_page(
    session: Session, wanted: DatasetFilter, *, limit: int, offset: int
) -> tuple[int, list[Dataset]]:
    """How many datasets a filter has, and so many of them from an offset on, oldest first."""
    return paged(session, _selected(wanted), limit=limit, offset=offset)


def dataset_named(
    session: Session,
    *,
    name: str | None = None,
    did: str | None = None,
    dataset_name: str | None = None,
) -> Dataset:
    """The dataset of a composed name, a DID or a stored name; of several blocks the first.

    Raises:
        Invalid: None of them is given.
        NotFound: There is none.
    """
    given = {"composed_name": name, "did": did, "dataset_name": dataset_name}
    values = {column: value for column, value in given.items() if value is not None}
    if not values:
        raise Invalid({"name": ["Give one of name, did and dataset_name."]})
    query = select(Dataset).filter_by(**values).options(*_loaded()).order_by(Dataset.block_num)
    if (found := session.scalars(query.limit(1)).first()) is None:
        raise NotFound(f"No dataset {' and '.join(values.values())}")
    return found


def _selected(wanted: DatasetFilter) -> Select[tuple[Dataset]]:
    query = equal(
        select(Dataset).options(*_loaded()).order_by(Dataset.id),
        wanted,
        stage=Dataset.meta["stage"].astext,
        source_kind=Dataset.source_kind,
        source_location=Dataset.source_location,
        scope=Dataset.scope,
        status=Dataset.meta["validation"]["status"].astext,
    )
    if wanted.campaign is not None:
        query = query.where(Dataset.campaign.has(name=wanted.campaign))
    if wanted.name_contains is not None:
        query = query.where(
            Dataset.composed_name.contains(wanted.name_contains, autoescape=True)
            | Dataset.dataset_name.contains(wanted.name_contains, autoescape=True)
        )
    return query


def dataset(session: Session, key: int) -> Dataset:
    """The dataset of that key.

    Raises:
        NotFound: There is none.
    """
    found = session.scalar(select(Dataset).where(Dataset.id == key).options(*_loaded()))
    if found is None:
        raise no_match(Dataset)
    return found


def dataset_key(session: Session, key: str | int) -> int:
    """The key of the dataset that a task's field names by key, name or DID.

    Raises:
        Invalid: There is none, or several blocks have the name.
    """
    number, name = key_of(key), str(key)
    by_name = (Dataset.did == name) | (Dataset.dataset_name == name)
    condition = by_name if number is None else Dataset.id == number
    found = session.scalars(select(Dataset.id).where(condition).limit(2)).all()
    if not found:
        raise unknown("dataset", key)
    if len(found) > 1:
        text = f"Several blocks are named {name!r}: name one by its DID."
        raise Invalid({"dataset": [text]})
    return found[0]


def _loaded() -> list[ORMOption]:
    return [joinedload(getattr(Dataset, name)) for name in (*TAG_FIELDS, "campaign")]


# ------------------------------------------------------------------ configurations, requests


def named_config(session: Session, key: str | int) -> ProdConfig:
    """The configuration that a field of something else names by key or by name.

    Raises:
        Invalid: There is none.
    """
    number = key_of(key)
    condition = ProdConfig.name == str(key) if number is None else ProdConfig.id == number
    found = session.scalar(select(ProdConfig).where(condition))
    if found is None:
        raise unknown("prod_config", key)
    return found


@dataclass(frozen=True, kw_only=True)
class ProdRequestFilter:
    """Which production requests a list shows; an absent field filters nothing."""

    status: Text | None = None
