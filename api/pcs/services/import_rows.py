"""What the rows of a catalog become: found again by their import's name, or made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.pcs.domain import names
from api.pcs.domain.catalog_rows import CatalogRow, RowRefused
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
from api.pcs.queries import open_requests
from api.pcs.services import tags
from api.pcs.services.access import Actor
from flows.common.database import now

_SCOPE: Final = "group.EIC"
_ROOM_FOR_TRIES: Final = len(".try999")


@dataclass(frozen=True, kw_only=True)
class Target:
    """What new rows belong to."""

    campaign: Campaign
    detector_config: str
    config: ProdConfig


class RowImport:
    """One import of rows: what is there already, read once."""

    def __init__(self, session: Session, target: Target, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._target = target
        self._tags = _Tags(session, actor)
        self._requests = {
            each.source_row: each
            for each in session.scalars(
                select(ProdRequest).where(ProdRequest.source_row.startswith("csv_import."))
            )
        }
        self._datasets = {
            each.dataset_name: each
            for each in session.scalars(
                select(Dataset).where(Dataset.dataset_name.startswith("csv_import."))
            )
        }
        self._tasks = {each.name: each for each in session.scalars(select(ProdTask))}
        self._of_dataset = {each.dataset_id: each for each in self._tasks.values()}
        self._composed = set(session.scalars(select(Dataset.composed_name)))
        self._busy = set(open_requests.of_tasks(session, list(self._tasks)))

    def take(self, row: CatalogRow) -> str:
        """Import a row; gives `created`, `updated` or `unchanged`.

        Raises:
            RowRefused: It cannot be imported; at most its tags were made.
        """
        dataset = self._datasets.get(row.import_name)
        if dataset is None:
            return self._create(row)
        task, request = self._of_dataset.get(dataset.id), self._requests.get(row.import_name)
        # A row that is refused changes nothing, its request neither.
        task_changes = {} if task is None else self._task_changes(row, task)
        request_changes = {} if request is None else _differing(request, _request_columns(row))
        for changed, values in ((task, task_changes), (request, request_changes)):
            _set(changed, values)
        return "updated" if task_changes or request_changes else "unchanged"

    def _create(self, row: CatalogRow) -> str:
        path = read_path(row.path)
        name = row.import_name if row.task_name in self._tasks else row.task_name
        dataset = self._dataset(row, path)
        request = ProdRequest(
            **_request_columns(row), source_row=row.import_name, created_by=self._actor.name
        )
        self._session.add_all([dataset, request])
        self._session.flush()
        task = ProdTask(
            name=name,
            status=TaskStatus.DRAFT,
            dataset_id=dataset.id,
            prod_config_id=self._target.config.id,
            campaign_id=self._target.campaign.id,
            request_id=request.id,
            created_by=self._actor.name,
            overrides={"csv_import": self._csv_import(row, path)},
            **_task_columns(row),
        )
        self._session.add(task)
        self._datasets[row.import_name] = dataset
        self._requests[row.import_name] = request
        self._tasks[name] = self._of_dataset[dataset.id] = task
        return "created"

    def _dataset(self, row: CatalogRow, path: EvgenPath) -> Dataset:
        tags = self._tags_of(path)
        sample, composed = self._name(row, path, tags)
        return Dataset(
            dataset_name=row.import_name,
            composed_name=composed,
            scope=_SCOPE,
            detector_version=self._target.campaign.name,
            detector_config=self._target.detector_config,
            campaign_id=self._target.campaign.id,
            sample_name=sample,
            did=names.block_did(_SCOPE, row.import_name, 1),
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
            **{f"{kind.name.lower()}_tag_id": tag.id for kind, tag in tags.items()},
        )

    def _tags_of(self, path: EvgenPath) -> dict[TagKind, Tag]:
        release = self._target.campaign.name
        physics = path.physics_parameters()
        simu = {"detector_sim": "npsim", "sim_version": release}
        reco = {"reco_version": release, "reco_config": self._target.detector_config}
        return {
            TagKind.PHYSICS: self._tags.get(TagKind.PHYSICS, physics, category=path.category),
            TagKind.EVGEN: self._tags.get(TagKind.EVGEN, path.evgen_parameters()),
            TagKind.SIMU: self._tags.get(TagKind.SIMU, simu),
            TagKind.RECO: self._tags.get(TagKind.RECO, reco),
        }

    def _name(
        self, row: CatalogRow, path: EvgenPath, tags: Mapping[TagKind, Tag]
    ) -> tuple[str, str]:
        """A sample's name under which no other dataset has the same composed name."""
        labels = {kind.name.lower(): tag.tag_label for kind, tag in tags.items()}

        def composed(sample: str) -> str:
            return names.NameParts(
                scope=_SCOPE,
                detector_version=self._target.campaign.name,
                detector_config=self._target.detector_config,
                sample=sample,
                **labels,
            ).composed()

        room = min(120, names.MAX_OUT_DS - _ROOM_FOR_TRIES - len(composed("x")) + 1)
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
            "filters": path.axes.filters(self._target.detector_config),
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
        if changes and task.created_by != self._actor.name and not self._actor.is_relaxed:
            raise RowRefused(f"task {task.name!r} is {task.created_by}'s")
        return changes


def _request_columns(row: CatalogRow) -> dict[str, Any]:
    return {
        "requestor": row.requestor,
        "simu_path": row.path[:500],
        "gen_config": row.gen_version,
        "nevents": row.nevents,
        "background": row.background,
        "description": row.description,
        "priority": row.priority,
        "pre_tdr_use": row.pre_tdr_use,
        "early_science_use": row.early_science_use,
        "other_use": bool(row.other_use),
        "new_request": row.new_request,
        "data": {"csv_import": dict(row.raw)},
    }


def _task_columns(row: CatalogRow) -> dict[str, Any]:
    columns = _request_columns(row)
    shared = ("requestor", "description", "priority", "pre_tdr_use", "early_science_use",
              "other_use", "new_request")  # fmt: skip
    return {name: columns[name] for name in shared}


def _set(row: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    if values:
        row.updated_at = now()


def _differing(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if getattr(row, name) != value}


# ------------------------------------------------------------------ tags


class _Tags:
    """The tags that rows need: found by their parameters, or made as drafts."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._categories = {
            each.name.casefold(): each.digit for each in session.scalars(select(PhysicsCategory))
        }
        # A locked tag is taken before a draft, an older one before a newer.
        ordered = sorted(session.scalars(select(Tag)), key=lambda tag: (tag.status, -tag.id))
        self._known = {(TagKind(tag.kind), _key(tag.parameters)): tag for tag in ordered}

    def get(self, kind: TagKind, parameters: dict[str, Any], *, category: str = "") -> Tag:
        """The tag with these parameters, made where there is none.

        Args:
            kind: What it fixes.
            parameters: Exactly its parameters.
            category: Name of a physics tag's category.

        Raises:
            RowRefused: All nine categories have other names.
        """
        known = self._known.get((kind, _key(parameters)))
        if known is not None:
            return known
        values: dict[str, Any] = {"parameters": parameters, "description": "from an import"}
        if kind is TagKind.PHYSICS:
            values["category"] = self._category(category)
        made = tags.add_tag(self._session, values, self._actor, kind=kind)
        self._known[kind, _key(parameters)] = made
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


def _key(parameters: dict[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)
