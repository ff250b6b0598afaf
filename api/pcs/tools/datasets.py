"""Datasets, for assistants."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from api.http.tools.answers import MonitorUrl
from api.http.tools.arguments import Name, Offset, Text
from api.http.tools.calls import Call
from api.http.tools.declaration import Toolbox
from api.http.tools.speaking import UNNAMED
from api.pcs.models import Dataset
from api.pcs.queries import catalogue as queries
from api.pcs.schemas.catalogue import DatasetIntakeForm, SourceKind
from api.pcs.services import datasets
from api.pcs.tools.common import CreatedBy, PageSize, actor
from api.pcs.views.catalogue import DatasetView
from blocks.errors import NotFound
from flows.common.callers import Scope

toolbox = Toolbox(advice={NotFound: "pcs_dataset_list finds datasets by a part of the name."})


class DatasetItem(BaseModel):
    """A block of a dataset, in a list."""

    composed_name: str
    did: str
    dataset_name: str
    scope: str
    detector_version: str
    detector_config: str
    stage: str
    is_external: bool
    source_kind: str
    source_location: str


class DatasetList(BaseModel):
    """A page of datasets; `count` is that of all pages."""

    count: int
    limit: int
    offset: int
    has_more: bool
    datasets: list[DatasetItem]
    monitor_urls: list[MonitorUrl]


class DatasetIntake(DatasetIntakeForm):
    """The source of a dataset, and whose the dataset is."""

    created_by: CreatedBy = UNNAMED


class DatasetTaken(BaseModel):
    """The dataset of a source, and whether it was made."""

    created: bool
    dataset: dict[str, Any] = Field(description="As pcs_dataset_get answers it.")


@toolbox.tool("pcs_dataset_list")
def list_datasets(
    call: Call,
    *,
    stage: Name | None = None,
    source_kind: SourceKind | None = None,
    source_location: Text | None = None,
    scope: Name | None = None,
    name_contains: Text | None = None,
    limit: PageSize = 20,
    offset: Offset = 0,
) -> DatasetList:
    """Datasets that PCS knows, oldest first, by stage, source, scope or a part of the name.

    What was produced and where it is, data_provenance and campaign_status say.
    """
    wanted = queries.DatasetFilter(
        stage=stage,
        source_kind=source_kind,
        source_location=source_location,
        scope=scope,
        name_contains=name_contains,
    )
    count, rows = queries.dataset_page(call.session, wanted, limit=limit, offset=offset)
    return DatasetList(
        count=count,
        limit=limit,
        offset=offset,
        has_more=offset + len(rows) < count,
        datasets=[DatasetItem.model_validate(_item(each)) for each in rows],
        monitor_urls=[MonitorUrl(title="Catalog", url=call.link("/pcs/catalog/"))],
    )


@toolbox.tool("pcs_dataset_get")
def get_dataset(
    call: Call,
    *,
    name: Name | None = None,
    did: Text | None = None,
    dataset_name: Name | None = None,
) -> dict[str, Any]:
    """One dataset of PCS with its tags, blocks and metadata, by composed name, DID or stored name.

    Of several blocks, it is the first. What Rucio holds of it, data_provenance says.
    """
    found = queries.dataset_named(call.session, name=name, did=did, dataset_name=dataset_name)
    return _detail(call, found)


@toolbox.tool("pcs_dataset_intake", scope=Scope.REQUEST, is_idempotent=True)
def take_in(call: Call, order: DatasetIntake) -> DatasetTaken:
    """Register a dataset that comes from outside by its source; the same source again is found.

    For a dataset that is produced here, a task and its tags are made on PCS's pages instead.
    """
    values = order.model_dump(exclude_unset=True, exclude={"created_by"})
    found, is_new = datasets.take_in(call.session, values, actor(call, order.created_by))
    return DatasetTaken(created=is_new, dataset=_detail(call, found))


def _item(row: Dataset) -> dict[str, Any]:
    names = ("composed_name", "did", "dataset_name", "scope", "detector_version", "detector_config",
             "stage")  # fmt: skip
    return {name: getattr(row, name) for name in names} | {
        "is_external": row.external,
        "source_kind": row.source_kind or "",
        "source_location": row.source_location or "",
    }


def _detail(call: Call, row: Dataset) -> dict[str, Any]:
    whole = DatasetView.model_validate(row).model_dump(mode="json")
    tags = {
        kind.word: {"tag_label": tag.tag_label, "status": tag.status, "parameters": tag.parameters}
        for kind, tag in row.tags.items()
    }
    url = call.link(f"/pcs/api/datasets/{row.id}/")
    return whole | _item(row) | {"tags": tags, "url": url}
