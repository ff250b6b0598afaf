"""Catalogs of requests, imported: each good row is one request, with a draft task in each campaign.

A row's dataset and task are made for the campaign of the import, where that has none of the row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from api.pcs.domain import names
from api.pcs.domain.catalog_rows import (
    CatalogRow,
    RowRefused,
    read_catalog,
)
from api.pcs.domain.evgen_path import EvgenPath, read_path, sample_name
from api.pcs.models import (
    Campaign,
    Dataset,
    PhysicsCategory,
    ProdConfig,
    ProdRequest,
    ProdTask,
    Tag,
    TagKind,
    TaskStatus,
)
from api.pcs.queries.catalogue import campaign_key, current_campaign, named_config
from api.pcs.queries.tasks import open_requests
from api.pcs.schemas.tasks import CatalogForm
from api.pcs.services import production, tags
from api.pcs.services.access import Actor
from blocks.errors import Invalid
from flows.common.database import now
from flows.common.spreadsheet import BadRow, TableUnreadable, decoded
from flows.submission.domain import prun_rules

_SCOPE: Final = "group.EIC"
_Row = TypeVar("_Row", Dataset, ProdRequest)
_CONFIG: Final = "catalog_import"
_LOCK: Final = 0x70637363  # "pcsc": one import at a time
_MAX_SOURCE_BYTES: Final = 32 * 1024 * 1024


@dataclass
class Imported:
    """What an import did. Each refused row has the line where it begins, and the reason."""

    status: str
    created: int
    updated: int
    unchanged: int
    refused: list[BadRow]
    separated_by: str


def published(tmp_dir: Path, source: str) -> str:
    """The text of a source that is published for the web tier, as ``catalog/<source>.csv``.

    Raises:
        Invalid: There is none, or it cannot be read.
    """
    path = tmp_dir / "catalog" / f"{source}.csv"
    try:
        if path.stat().st_size > _MAX_SOURCE_BYTES:
            raise Invalid({"source": [f"{path} is too large."]})
        return decoded(path.read_bytes())
    except FileNotFoundError:
        raise Invalid({"source": [f"There is no source {source!r}: {path}."]}) from None
    except (OSError, TableUnreadable) as error:
        raise Invalid({"source": [f"{path} cannot be read: {error}"]}) from None


def import_catalog(session: Session, text: str, wanted: CatalogForm, actor: Actor) -> Imported:
    """Import every good row of the catalog.

    Raises:
        Invalid: It is no catalog, or the campaign or configuration is unknown.
    """
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    try:
        catalog = read_catalog(text)
    except TableUnreadable as error:
        raise Invalid({"csv_text": [str(error)]}) from None
    done = Imported(
        status="done",
        created=0,
        updated=0,
        unchanged=0,
        refused=[],
        separated_by=catalog.separated_by,
    )
    rows = _Rows(
        session,
        actor,
        campaign=_campaign(session, wanted.campaign),
        config=_config(session, wanted.prod_config, actor),
        detector_config=wanted.detector_config,
    )
    for row in catalog.rows:
        if isinstance(row, BadRow):
            done.refused.append(row)
            continue
        try:
            outcome = rows.take(row)
        except RowRefused as error:
            done.refused.append(BadRow(row.line, str(error)))
        else:
            setattr(done, outcome, getattr(done, outcome) + 1)
    session.flush()
    return done


def _campaign(session: Session, key: str | int | None) -> Campaign:
    if key is not None:
        return session.get_one(Campaign, campaign_key(session, key))
    found = current_campaign(session)
    if found is None:
        raise Invalid({"campaign": ["No campaign is current; name one."]})
    return found


def _config(session: Session, key: str | int | None, actor: Actor) -> ProdConfig:
    if key is not None:
        return named_config(session, key)
    found = session.scalar(select(ProdConfig).where(ProdConfig.name == _CONFIG))
    if found is not None:
        return found
    text = "For imported requests; give tasks a configuration of their own."
    return production.add_config(session, {"name": _CONFIG, "description": text}, actor)


# ------------------------------------------------------------------ rows


class _Rows:
    """What the rows of one import become; what is there already is read once."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        *,
        campaign: Campaign,
        config: ProdConfig,
        detector_config: str,
    ) -> None:
        self._session = session
        self._actor = actor
        self._campaign = campaign
        self._config = config
        self._detector_config = detector_config
        self._categories = {
            each.name.casefold(): each.digit for each in session.scalars(select(PhysicsCategory))
        }
        # A locked tag is taken before a draft, an older one before a newer.
        ordered = sorted(session.scalars(select(Tag)), key=lambda tag: (tag.status, -tag.id))
        self._tags = {(TagKind(tag.kind), _key(tag.parameters)): tag for tag in ordered}
        self._requests = _imported(session, ProdRequest, ProdRequest.source_row)
        self._datasets = _imported(session, Dataset, Dataset.dataset_name)
        self._tasks = {each.name: each for each in session.scalars(select(ProdTask))}
        self._of_dataset = {each.dataset_id: each for each in self._tasks.values()}
        self._composed = set(session.scalars(select(Dataset.composed_name)))
        self._busy = set(open_requests(session, list(self._tasks)))

    def take(self, row: CatalogRow) -> str:
        """Import a row; gives `created`, `updated` or `unchanged`.

        Raises:
            RowRefused: It cannot be imported; at most its tags were made.
        """
        dataset = self._of_campaign(row)
        if dataset is None:
            return self._create(row)
        task, request = self._of_dataset.get(dataset.id), self._requests.get(row.import_name)
        # A row that is refused changes nothing, its request neither.
        task_changes = {} if task is None else self._task_changes(row, task)
        request_changes = {} if request is None else _differing(request, _request_columns(row))
        for changed, values in ((task, task_changes), (request, request_changes)):
            _set(changed, values)
        return "updated" if task_changes or request_changes else "unchanged"

    def _of_campaign(self, row: CatalogRow) -> Dataset | None:
        """The row's dataset in the campaign: another one may have the row's own name."""
        for name in (row.import_name, row.import_name_in(self._campaign.name)):
            found = self._datasets.get(name)
            if found is not None and found.campaign_id == self._campaign.id:
                return found
        return None

    def _create(self, row: CatalogRow) -> str:
        path = read_path(row.path)
        dataset = self._dataset(row, path)
        names_for_task = (row.task_name, row.import_name, dataset.dataset_name)
        name = next(each for each in names_for_task if each not in self._tasks)
        request = self._request(row)
        self._session.add_all([dataset, request])
        self._session.flush()
        task = ProdTask(
            name=name,
            status=TaskStatus.DRAFT,
            dataset_id=dataset.id,
            prod_config_id=self._config.id,
            campaign_id=self._campaign.id,
            request_id=request.id,
            created_by=self._actor.name,
            overrides={"csv_import": self._csv_import(row, path)},
            **_task_columns(row),
        )
        self._session.add(task)
        self._datasets[dataset.dataset_name] = dataset
        self._requests[row.import_name] = request
        self._tasks[name] = self._of_dataset[dataset.id] = task
        return "created"

    def _request(self, row: CatalogRow) -> ProdRequest:
        """The row's request: one, however many campaigns it is imported for."""
        columns = _request_columns(row)
        if (known := self._requests.get(row.import_name)) is not None:
            _set(known, _differing(known, columns))
            return known
        return ProdRequest(**columns, source_row=row.import_name, created_by=self._actor.name)

    def _dataset(self, row: CatalogRow, path: EvgenPath) -> Dataset:
        tags = self._tags_of(path)
        sample, composed = self._name(row, path, tags)
        is_known = row.import_name in self._datasets
        name = row.import_name_in(self._campaign.name) if is_known else row.import_name
        return Dataset(
            dataset_name=name,
            composed_name=composed,
            scope=_SCOPE,
            detector_version=self._campaign.name,
            detector_config=self._detector_config,
            campaign_id=self._campaign.id,
            sample_name=sample,
            did=names.block_did(_SCOPE, name, 1),
            description=row.description,
            meta={
                "stage": "evgen",
                "source": {
                    "kind": "path",
                    "location": row.path,
                    "gen_version": row.gen_version,
                },
                "csv_import": dict(row.raw),
            },
            source_kind="path",
            source_location=row.path,
            created_by=self._actor.name,
            **{f"{kind.field}_id": tag.id for kind, tag in tags.items()},
        )

    def _tags_of(self, path: EvgenPath) -> dict[TagKind, Tag]:
        release = self._campaign.name
        parameters = {
            TagKind.PHYSICS: path.physics_parameters(),
            TagKind.EVGEN: path.evgen_parameters(),
            TagKind.SIMU: {"detector_sim": "npsim", "sim_version": release},
            TagKind.RECO: {"reco_version": release, "reco_config": self._detector_config},
        }
        return {
            kind: self._tag(kind, each, category=path.category) for kind, each in parameters.items()
        }

    def _name(
        self, row: CatalogRow, path: EvgenPath, tags: Mapping[TagKind, Tag]
    ) -> tuple[str, str]:
        """A sample's name under which no other dataset has the same composed name."""
        detector = (self._campaign.name, self._detector_config)
        labels = [tag.tag_label for tag in tags.values()]

        def composed(sample: str) -> str:
            return names.composed(_SCOPE, *detector, labels, sample)

        longest = names.attempt_name(composed("x"), names.MOST_TRIES)
        reserved = prun_rules.longest_ending(str((self._config.data or {}).get("outputs") or ""))
        room = min(120, prun_rules.MAX_DATASET - reserved - len(longest) + 1)
        if room < len("s_01234567"):
            raise RowRefused(f"{composed('')} leaves no room for a sample's name")
        sample = sample_name(path, row.import_name, longest=room)
        if composed(sample) in self._composed:
            ending = f"_{names.short_hash(row.import_name, 8)}"
            sample = (sample[: room - len(ending)].rstrip("._-") + ending).lstrip("_")
        if composed(sample) in self._composed:
            raise RowRefused(f"another dataset is named {composed(sample)}")
        self._composed.add(composed(sample))
        return sample, composed(sample)

    def _csv_import(self, row: CatalogRow, path: EvgenPath) -> dict[str, Any]:
        fields = {
            "background": row.background,
            "nevents": row.nevents,
            "issue_url": row.raw.get("Issue", ""),
            "gen_version": row.gen_version,
            "evgen": path.generator,
            "other_use_text": row.other_use,
            "filters": path.axes.filters(self._detector_config),
            "angular_range": path.angular_range,
        }
        return {name: value for name, value in fields.items() if value not in ("", None)}

    def _task_changes(self, row: CatalogRow, task: ProdTask) -> dict[str, Any]:
        """What the row changes of its task; nothing where the task may not change.

        Raises:
            RowRefused: The task is somebody else's.
        """
        if task.status != TaskStatus.DRAFT or task.name in self._busy:
            return {}
        csv_import = self._csv_import(row, read_path(row.path))
        overrides = {**(task.overrides or {}), "csv_import": csv_import}
        changes = _differing(task, _task_columns(row) | {"overrides": overrides})
        if changes and not self._actor.owns(task.created_by):
            raise RowRefused(f"task {task.name!r} is {task.created_by}'s")
        return changes

    def _tag(self, kind: TagKind, parameters: dict[str, str], *, category: str) -> Tag:
        """The tag with these parameters, made where there is none.

        Args:
            kind: What it fixes.
            parameters: Exactly its parameters.
            category: Name of a physics tag's category.

        Raises:
            RowRefused: All nine categories have other names.
        """
        known = self._tags.get((kind, _key(parameters)))
        if known is not None:
            return known
        values: dict[str, Any] = {"parameters": parameters, "description": "from an import"}
        if kind is TagKind.PHYSICS:
            values["category"] = self._category(category)
        made = tags.add_tag(self._session, values, self._actor, kind=kind)
        self._tags[kind, _key(parameters)] = made
        return made

    def _category(self, name: str) -> int:
        if (digit := self._categories.get(name.casefold())) is not None:
            return digit
        free = sorted(set(range(1, 10)) - set(self._categories.values()))
        if not free:
            raise RowRefused(f"there is no physics category {name!r}, and no digit left for it")
        made = tags.add_category(self._session, {"digit": free[0], "name": name}, self._actor)
        self._categories[name.casefold()] = made.digit
        return made.digit


def _imported(
    session: Session, model: type[_Row], name: InstrumentedAttribute[str]
) -> dict[str, _Row]:
    rows = session.scalars(select(model).where(name.startswith("csv_import.")))
    return {getattr(row, name.key): row for row in rows}


def _task_columns(row: CatalogRow) -> dict[str, Any]:
    return {
        "requestor": row.requestor,
        "description": row.description,
        "priority": row.priority,
        "pre_tdr_use": row.pre_tdr_use,
        "early_science_use": row.early_science_use,
        "other_use": bool(row.other_use),
        "new_request": row.new_request,
    }


def _request_columns(row: CatalogRow) -> dict[str, Any]:
    return _task_columns(row) | {
        "simu_path": row.path[:500],
        "gen_config": row.gen_version,
        "nevents": row.nevents,
        "background": row.background,
        "data": {"csv_import": dict(row.raw)},
    }


def _set(row: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    if values:
        row.updated_at = now()


def _differing(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if getattr(row, name) != value}


def _key(parameters: dict[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)
