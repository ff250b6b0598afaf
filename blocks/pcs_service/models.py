"""A production task as PCS shows it (contract §2.6); what is not known here is passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _text(value: Any) -> Any:
    return "" if value is None else value


def _items(value: Any) -> Any:
    return () if value is None else value


def _mapping(value: Any) -> Any:
    return {} if value is None else value


_Text = Annotated[str, BeforeValidator(_text)]
_Mapping = Annotated[dict[str, Any], BeforeValidator(_mapping)]
_Texts = Annotated[tuple[str, ...], BeforeValidator(_items)]


class _Shown(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Attempt(_Shown):
    """One intent to have the task at PanDA: a row of ``panda_tasks``."""

    id: int
    try_number: int = 1
    task_name: _Text = ""
    jedi_task_id: int | None = None
    status_snapshot: _Text = ""
    association_source: _Text = ""
    site: _Text = ""
    metadata: _Mapping = Field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ProdTask(_Shown):
    """A production task.

    Attributes:
        name: as stored; composed_name: as its dataset is called, and its first attempt at PanDA.
        status: draft, ready, submitted, completed, failed, or past_output.
        panda_task_id: jediTaskID of the present attempt.
        panda_tasks: all attempts.
        readiness: why it is not ready; empty if it is, None of a PCS that does not say.
        request: the newest open submission request; None where there is none.
    """

    id: int
    name: str
    status: str
    composed_name: _Text = ""
    description: _Text = ""
    dataset_name: _Text = ""
    dataset_did: _Text = ""
    prod_config_name: _Text = ""
    overrides: _Mapping = Field(default_factory=dict)
    panda_task_id: int | None = None
    panda_tasks: Annotated[tuple[Attempt, ...], BeforeValidator(_items)] = ()
    created_by: _Text = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    campaign: str | None = None
    readiness: _Texts | None = None
    request: dict[str, Any] | None = None
    is_relaxed: bool | None = None
    warnings: _Texts = ()
