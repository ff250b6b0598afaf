"""Datasets: named by their tags, counted in blocks, never changed once made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from api.pcs.domain import names
from api.pcs.models import Dataset, Tag, TagKind
from api.pcs.services import campaigns
from api.pcs.services.access import Actor
from blocks.errors import Invalid, NotFound, Refused

TAG_FIELDS: Final = {
    "physics_tag": TagKind.PHYSICS,
    "evgen_tag": TagKind.EVGEN,
    "simu_tag": TagKind.SIMU,
    "reco_tag": TagKind.RECO,
    "background_tag": TagKind.BACKGROUND,
}
_NAMING: Final = ("physics_tag", "evgen_tag", "simu_tag", "reco_tag")
_MAX_KEY: Final = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which datasets a list shows; an absent field filters nothing."""

    stage: str | None = None
    source_kind: str | None = None
    status: str | None = None
    campaign: str | None = None
    name_contains: str | None = None


def datasets(session: Session, wanted: Wanted) -> list[Dataset]:
    """The datasets of a filter, oldest first."""
    query = select(Dataset).options(*_loaded()).order_by(Dataset.id)
    if wanted.stage is not None:
        query = query.where(Dataset.meta["stage"].astext == wanted.stage)
    if wanted.source_kind is not None:
        query = query.where(Dataset.source_kind == wanted.source_kind)
    if wanted.status is not None:
        query = query.where(Dataset.meta["validation"]["status"].astext == wanted.status)
    if wanted.campaign is not None:
        query = query.where(Dataset.campaign.has(name=wanted.campaign))
    if wanted.name_contains is not None:
        query = query.where(
            Dataset.composed_name.contains(wanted.name_contains, autoescape=True)
            | Dataset.dataset_name.contains(wanted.name_contains, autoescape=True)
        )
    return list(session.scalars(query))


def dataset(session: Session, key: int) -> Dataset:
    """The dataset of that key.

    Raises:
        NotFound: There is none.
    """
    found = session.scalar(select(Dataset).where(Dataset.id == key).options(*_loaded()))
    if found is None:
        raise NotFound("No Dataset matches the given query.")
    return found


def named(session: Session, key: str | int) -> Dataset:
    """The dataset that a task's field names: by key, or by its name or DID.

    Raises:
        Invalid: There is none, or several blocks bear the name.
    """
    text = str(key)
    is_key = text.isascii() and text.isdecimal() and int(text[:11]) <= _MAX_KEY
    condition = (
        Dataset.id == int(text)
        if is_key
        else (Dataset.did == text) | (Dataset.dataset_name == text)
    )
    found = list(session.scalars(select(Dataset).where(condition).options(*_loaded()).limit(2)))
    if len(found) == 1:
        return found[0]
    if found:
        raise Invalid({"dataset": [f"Several blocks are named {text!r}: name one by its DID."]})
    raise Invalid({"dataset": [f'Invalid pk "{text[:300]}" - object does not exist.']})


def add(session: Session, values: Mapping[str, Any], actor: Actor) -> Dataset:
    """Make the first block of a dataset, under the name that its tags compose.

    Raises:
        Invalid: A tag or the campaign is unknown, or the name cannot be or is taken.
    """
    tags = _tags(session, values)
    for name in _NAMING:
        if tags.get(name) is None:
            raise Invalid({name: ["This field is required."]})
    composed = compose(values, tags)
    return insert(session, values, tags, dataset_name=composed, composed=composed, actor=actor)


def insert(
    session: Session,
    values: Mapping[str, Any],
    tags: Mapping[str, Tag | None],
    *,
    dataset_name: str,
    composed: str,
    actor: Actor,
) -> Dataset:
    """Make a block under given names.

    Raises:
        Invalid: The name is taken, or the campaign is unknown.
    """
    key = values.get("campaign")
    campaign_id = None if key is None else campaigns.named(session, key).id
    if session.scalar(select(Dataset.id).where(Dataset.dataset_name == dataset_name).limit(1)):
        raise Invalid(
            {"non_field_errors": [f"dataset {dataset_name} already exists; add a block to it."]}
        )
    meta = values.get("metadata")
    source = (meta or {}).get("source") or {}
    added = Dataset(
        dataset_name=dataset_name,
        composed_name=composed,
        scope=values["scope"],
        detector_version=values.get("detector_version", ""),
        detector_config=values.get("detector_config", ""),
        campaign_id=campaign_id,
        sample_name=values.get("sample_name", ""),
        did=names.block_did(values["scope"], dataset_name, 1),
        description=values.get("description", ""),
        meta=meta,
        source_kind=source.get("kind"),
        source_location=source.get("location"),
        created_by=actor.name,
        **{f"{name}_id": None if tag is None else tag.id for name, tag in tags.items()},
    )
    session.add(added)
    session.flush()
    return dataset(session, added.id)


def add_block(session: Session, key: int, actor: Actor) -> Dataset:
    """Add a block to the dataset of a block; all its blocks then count one more.

    Raises:
        NotFound: There is none.
    """
    first = dataset(session, key)
    of_name = Dataset.dataset_name == first.dataset_name
    session.execute(select(Dataset.id).where(of_name).order_by(Dataset.id).with_for_update())
    number = (session.scalar(select(func.max(Dataset.block_num)).where(of_name)) or 0) + 1
    copied = {
        column.key: getattr(first, column.key)
        for column in Dataset.__mapper__.column_attrs
        if column.key not in {"id", "block_num", "did", "file_count", "data_size", "created_at"}
    }
    copied |= {"created_by": actor.name, "block_num": number}
    added = Dataset(**copied, did=names.block_did(first.scope, first.dataset_name, number))
    session.add(added)
    session.flush()
    session.execute(update(Dataset).where(of_name).values(blocks=Dataset.blocks + 1))
    # The new row was given the old count too, and has just been counted up with the others.
    session.refresh(added)
    return dataset(session, added.id)


def take_in(session: Session, values: Mapping[str, Any], actor: Actor) -> tuple[Dataset, bool]:
    """The dataset of a source, made where there is none; and whether it was made.

    Without all its tags it gets a name of its source's hash, and no task on it can be ready.

    Raises:
        Invalid: A tag is unknown.
        Refused: A dataset of that name came from another source.
    """
    kind, location = values["source_kind"], values["source_location"]
    found = session.scalar(
        select(Dataset.id).where(
            Dataset.source_kind == kind, Dataset.source_location == location
        ).order_by(Dataset.id).limit(1)
    )  # fmt: skip
    if found is not None:
        return dataset(session, found), False
    source = {"kind": kind, "location": location}
    columns = dict(values) | {"metadata": {"stage": values["stage"], "source": source}}
    tags = _tags(session, values)
    is_whole = all(tags.get(name) for name in _NAMING) and values.get("detector_version")
    name = (
        compose(values, tags)
        if is_whole
        else f"{values['scope']}.{values['stage']}.{names.short_hash(f'{kind}|{location}')}"
    )
    try:
        added = insert(session, columns, tags, dataset_name=name, composed=name, actor=actor)
    except Invalid:
        raise Refused(f"dataset {name} exists already, and came from another source") from None
    return added, True


def compose(values: Mapping[str, Any], tags: Mapping[str, Tag | None]) -> str:
    """The name that scope, detector, tags and sample compose.

    Raises:
        Invalid: It would be too long, or the sample would be read as a tag or a suffix.
    """
    sample = values.get("sample_name", "")
    if sample and (why := names.sample_problem(sample)):
        raise Invalid({"sample_name": [why]})
    labels = {name: tag.tag_label if tag is not None else "" for name, tag in tags.items()}
    composed = names.NameParts(
        scope=values["scope"],
        detector_version=values.get("detector_version", ""),
        detector_config=values.get("detector_config", ""),
        sample=sample,
        **{name.removesuffix("_tag"): labels.get(name, "") for name in TAG_FIELDS},
    ).composed()
    if len(composed) > names.MAX_NAME:
        raise Invalid({"sample_name": [f"makes a name of more than {names.MAX_NAME} characters"]})
    return composed


def _tags(session: Session, values: Mapping[str, Any]) -> dict[str, Tag | None]:
    return {
        name: None if values.get(name) in {None, ""} else _tag(session, name, kind, values[name])
        for name, kind in TAG_FIELDS.items()
    }


def _tag(session: Session, field: str, kind: TagKind, key: str | int) -> Tag:
    condition = Tag.tag_label == key if isinstance(key, str) else Tag.id == key
    found = session.scalar(select(Tag).where(condition, Tag.kind == kind))
    if found is None:
        raise Invalid({field: [f'Invalid pk "{key}" - object does not exist.']})
    return found


def _loaded() -> list[Any]:
    return [joinedload(getattr(Dataset, name)) for name in (*TAG_FIELDS, "campaign")]
