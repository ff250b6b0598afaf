"""The event of changed production tasks. The database writes it, by a trigger, as they commit."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from flows.common.messages import EventBody, Timestamp


class TasksChanged(EventBody):
    """Production tasks were made, changed or deleted: one for each transaction and campaign."""

    SUBJECT: ClassVar = "`task_name`"

    msg_type: Literal["prodtask_changed"]
    namespace: Literal["prodops"] = Field(description="Namespace of production.")
    sender: Literal["prodops"] = Field(description="Who sends it.")
    processed_by: Literal["prodops"] = Field(
        description="The same, for the stream's `agents` filter."
    )
    task_name: str | None = Field(
        description="Stored name of the task; null: more than one.",
        examples=["epic.26.05.0.DIS.NC.10x100.p1"],
    )
    campaign: str | None = Field(description="Name of its campaign, or null.", examples=["26.05.0"])
    timestamp: Timestamp = Field(description="When, in UTC.")


EVENTS = (TasksChanged,)
