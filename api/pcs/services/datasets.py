"""Datasets: named by their tags, counted in blocks, never changed once made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.pcs.domain import names
from api.pcs.models import Dataset, Tag
from api.pcs.queries.catalogue import TAG_FIELDS, campaign_key, dataset, named_tag
from api.pcs.services import records
from api.pcs.services.access import Actor
from blocks.errors import Invalid, Refused

_NAMING: Final = ("physics_tag", "evgen_tag", "simu_tag", "reco_tag")
_DEFAULTS: Final = {"scope": "group.EIC"}
_SOURCE_DEFAULTS: Final = {
    "source_kind": "csv_manifest",
    "scope": "group.EIC.evgen",
    "stage": "evgen",
}
_Tags = Mapping[str, Tag | None]


def add(session: Session, values: Mapping[str, Any], actor: Actor) -> Dataset:
    """Make the first block of a dataset, under the name that its tags compose.

    Raises:
        Invalid: A tag or the campaign is unknown, or the name cannot be or is taken.
    """
    values = {**_DEFAULTS, **values}
    tags = _tags(session, values)
    for name in _NAMING:
        if tags[name] is None:
            raise Invalid({name: ["This field is required."]})
    return _insert(session, values, tags, _composed(values, tags), actor)


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
    values = {**_SOURCE_DEFAULTS, **values}
    kind, location = values["source_kind"], values["source_location"]
    of_source = (Dataset.source_kind == kind, Dataset.source_location == location)
    found = session.scalar(select(Dataset.id).where(*of_source).order_by(Dataset.id).limit(1))
    if found is not None:
        return dataset(session, found), False
    values["metadata"] = {
        "stage": values["stage"],
        "source": {"kind": kind, "location": location},
    }
    tags = _tags(session, values)
    name = f"{values['scope']}.{values['stage']}.{names.short_hash(f'{kind}|{location}')}"
    if all(tags[each] for each in _NAMING) and values.get("detector_version"):
        name = _composed(values, tags)
    try:
        return _insert(session, values, tags, name, actor), True
    except Invalid:
        raise Refused(f"dataset {name} exists already, and came from another source") from None


def _insert(
    session: Session, values: Mapping[str, Any], tags: _Tags, name: str, actor: Actor
) -> Dataset:
    """Make a first block.

    Raises:
        Invalid: The name is taken, or the campaign is unknown.
    """
    campaign_id = campaign_key(session, values.get("campaign"))
    if session.scalar(select(Dataset.id).where(Dataset.dataset_name == name).limit(1)):
        text = f"dataset {name} already exists; add a block to it."
        raise Invalid({"non_field_errors": [text]})
    meta = values.get("metadata")
    source = (meta or {}).get("source") or {}
    added = Dataset(
        dataset_name=name,
        composed_name=name,
        scope=values["scope"],
        detector_version=values.get("detector_version", ""),
        detector_config=values.get("detector_config", ""),
        campaign_id=campaign_id,
        sample_name=values.get("sample_name", ""),
        did=names.block_did(values["scope"], name, 1),
        description=values.get("description", ""),
        meta=meta,
        source_kind=source.get("kind"),
        source_location=source.get("location"),
        created_by=actor.name,
        **{f"{field}_id": None if tag is None else tag.id for field, tag in tags.items()},
    )
    return dataset(session, records.add(session, added).id)


def _composed(values: Mapping[str, Any], tags: _Tags) -> str:
    """The name that scope, detector, tags and sample compose.

    Raises:
        Invalid: It would be too long, or the sample would be read as a tag or a suffix.
    """
    sample = values.get("sample_name", "")
    if sample and (why := names.sample_problem(sample)):
        raise Invalid({"sample_name": [why]})
    detector = (values.get("detector_version", ""), values.get("detector_config", ""))
    labels = [tag.tag_label for tag in tags.values() if tag is not None]
    composed = names.composed(values["scope"], *detector, labels, sample)
    if len(composed) > names.MAX_NAME:
        raise Invalid({"sample_name": [f"makes a name of more than {names.MAX_NAME} characters"]})
    return composed


def _tags(session: Session, values: Mapping[str, Any]) -> dict[str, Tag | None]:
    return {field: named_tag(session, field, values.get(field)) for field in TAG_FIELDS}
