"""A production task as PCS shows it (contract §2.6); what is not known here is passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _if_null(empty: Any) -> BeforeValidator:
    """What is read where PCS has null: an original has it where ours has an empty value."""
    return BeforeValidator(lambda value: empty if value is None else value)


Text = Annotated[str, _if_null("")]
JsonObject = Annotated[dict[str, Any], _if_null({})]
_Texts = Annotated[tuple[str, ...], _if_null(())]


class Shown(BaseModel):
    """What PCS shows; fields that are not known here are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Attempt(Shown):
    """One intent to have the task at PanDA: a row of ``panda_tasks``."""

    id: int
    try_number: int = 1
    task_name: Text = ""
    jedi_task_id: int | None = None
    status_snapshot: Text = ""
    association_source: Text = ""
    site: Text = ""
    metadata: JsonObject = Field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ProdTask(Shown):
    """A production task.

    Attributes:
        name: as stored; composed_name: as its dataset is called, and its first attempt at PanDA.
        status: draft, ready, submitted, completed, failed, or past_output.
        shown_status: how it is shown to people; empty of a PCS that does not say.
        panda_task_id: jediTaskID of the present attempt.
        panda_tasks: all attempts.
        readiness: why it is not ready; empty if it is, None of a PCS that does not say.
        request: the newest open submission request; None where there is none.
    """

    id: int
    name: str
    status: str
    shown_status: Text = ""
    composed_name: Text = ""
    description: Text = ""
    dataset_name: Text = ""
    dataset_did: Text = ""
    prod_config_name: Text = ""
    overrides: JsonObject = Field(default_factory=dict)
    panda_task_id: int | None = None
    panda_tasks: Annotated[tuple[Attempt, ...], _if_null(())] = ()
    created_by: Text = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    campaign: str | None = None
    readiness: _Texts | None = None
    request: dict[str, Any] | None = None
    is_relaxed: bool | None = None
    warnings: _Texts = ()
