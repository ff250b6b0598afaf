"""What PCS knows of campaigns and of the inputs that its tasks ask for; our PCS or an original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import Field, TypeAdapter

from blocks.pcs_service import models
from blocks.pcs_service.connection import PcsConnection, checked
from blocks.pcs_service.errors import RouteMissing, TaskUnknown

_ABSENT: Final = (RouteMissing, TaskUnknown)  # the original answers 404 where it has no such list
_OUTPUTS: Final = "outputs"
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A campaign; lifecycle is empty of a PCS that does not have it.

    Attributes:
        is_in_work: Whether a task of it is at PanDA, and has not ended.
    """

    name: str
    lifecycle: str
    is_in_work: bool


@dataclass(frozen=True, kw_only=True)
class RequestedInput:
    """A production task with the path of the input that it asks for.

    Attributes:
        key: The task's number; `name` may hold slashes.
        path: As PCS has it; empty where the task names none.
        overrides: What was set for the task only.
    """

    key: int
    name: str
    owner: str
    campaign: str
    path: str
    priority: int | None
    requestor: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class Survey:
    """What PCS knows: campaigns, and tasks with their inputs."""

    campaigns: tuple[Campaign, ...]
    requested: tuple[RequestedInput, ...]


class _Campaign(models.Shown):
    name: str
    lifecycle: models.Text = ""


class _Dataset(models.Shown):
    id: int
    detector_version: models.Text = ""
    metadata: models.JsonObject = Field(default_factory=dict)


class _Request(models.Shown):
    id: int
    simu_path: models.Text = ""


class _Task(models.Shown):
    id: int
    name: str
    status: models.Text = ""
    dataset: int
    prod_request: int | None = None
    campaign: str | None = None
    priority: int | None = None
    requestor: models.Text = ""
    overrides: models.JsonObject = Field(default_factory=dict)
    created_by: models.Text = ""


_CAMPAIGN: Final = TypeAdapter(_Campaign)
_DATASET: Final = TypeAdapter(_Dataset)
_REQUEST: Final = TypeAdapter(_Request)
_TASK: Final = TypeAdapter(_Task)


class PcsCatalogue:
    """Reads PCS's lists whole; methods raise PcsUnavailable or PcsRefused as PCS answers.

    A row of another form is set aside, and is among the connection's `unreadable`.
    """

    def __init__(self, connection: PcsConnection) -> None:
        self._connection = connection

    def survey(self) -> Survey:
        """All campaigns by name, and all tasks with the input that each asks for.

        Of a PCS without a list of campaigns, those that tasks are of.
        """
        tasks, datasets = self._tasks(), self._datasets()
        requests = self._requests(tasks, datasets)
        return Survey(
            campaigns=self._campaigns(tasks, datasets),
            requested=tuple(_requested(task, datasets, requests) for task in tasks),
        )

    def set_outputs(self, task: RequestedInput, outputs: list[dict[str, Any]]) -> None:
        """Write what a task produced to its overrides, as its owner.

        The overrides are read again just before, and nothing else of them is touched.
        """
        route = f"{task.key}/"
        present = checked(_TASK, self._connection.json("GET", route)).overrides
        body = {"overrides": {**present, _OUTPUTS: outputs}}
        self._connection.exchange("PATCH", route, user=task.owner, json=body)

    def _campaigns(
        self, tasks: list[_Task], datasets: Mapping[int, _Dataset]
    ) -> tuple[Campaign, ...]:
        of_tasks = {_campaign_of(task, datasets) for task in tasks}
        in_work = {_campaign_of(task, datasets) for task in tasks if task.status == "submitted"}
        listed = self._list("campaigns", _CAMPAIGN)
        lifecycles = {each.name: each.lifecycle for each in listed} or dict.fromkeys(of_tasks, "")
        return tuple(
            Campaign(name=name, lifecycle=lifecycle, is_in_work=name in in_work)
            for name, lifecycle in sorted(lifecycles.items())
            if name
        )

    def _tasks(self) -> list[_Task]:
        return self._connection.rows(_TASK)

    def _datasets(self) -> dict[int, _Dataset]:
        found = self._connection.rows(_DATASET, "datasets")
        return {each.id: each for each in found}

    def _requests(self, tasks: list[_Task], datasets: Mapping[int, _Dataset]) -> dict[int, str]:
        """Paths of requests, where a task's dataset does not have its own."""
        is_wanted = any(
            task.prod_request and not _source(datasets.get(task.dataset)) for task in tasks
        )
        listed = self._list("prod-requests", _REQUEST) if is_wanted else []
        return {each.id: each.simu_path for each in listed}

    def _list(self, resource: str, form: TypeAdapter[_T]) -> list[_T]:
        try:
            return self._connection.rows(form, resource)
        except _ABSENT:
            return []


def _requested(
    task: _Task, datasets: Mapping[int, _Dataset], requests: Mapping[int, str]
) -> RequestedInput:
    """The input that a task asks for: its dataset's source, else its request's path."""
    return RequestedInput(
        key=task.id,
        name=task.name,
        owner=task.created_by,
        campaign=_campaign_of(task, datasets),
        path=_source(datasets.get(task.dataset)) or requests.get(task.prod_request or 0, ""),
        priority=task.priority,
        requestor=task.requestor,
        overrides=task.overrides,
    )


def _source(dataset: _Dataset | None) -> str:
    source = dataset.metadata.get("source") if dataset is not None else None
    location = source.get("location") if isinstance(source, dict) else None
    return location if isinstance(location, str) else ""


def _campaign_of(task: _Task, datasets: Mapping[int, _Dataset]) -> str:
    """The original shows no campaign of a task; its dataset's version is the campaign's name."""
    dataset = datasets.get(task.dataset)
    return task.campaign or (dataset.detector_version if dataset is not None else "")
