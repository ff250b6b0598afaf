"""Requests of the original's queue that prodops deliberately does not carry out, and its answers.

Whoever asks waits for an event: it comes at once, and says why nothing was done.
Source: ops contract sections 1.6, 1.12 and 1.15.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field

from flows.common.events import NewEvent, announcement
from flows.common.messages import Announcement, Outcome
from flows.submission.messages import TaskSubmitFailed


class CatalogImportReady(Outcome):
    """Answers `catalog_import`."""

    msg_type: Literal["catalog_import_ready"]
    source: str = Field(description="That of the request.", examples=["csv"])


class QuestionnaireMatchReady(Outcome):
    """Answers `questionnaire_match_update`."""

    msg_type: Literal["questionnaire_match_ready"]


class CampaignProgressReady(Outcome):
    """Answers `campaign_progress_refresh`."""

    msg_type: Literal["campaign_progress_ready"]


class InventoryReady(Outcome):
    """Answers `sync_epicprod_inventory`."""

    msg_type: Literal["epicprod_inventory_ready"]
    pandaid: str = Field(description="That of the request, or empty.", examples=["1042"])
    jeditaskid: str = Field(description="That of the request, or empty.", examples=["730"])
    task_name: str = Field(description="That of the request, or empty.", examples=["elm"])


class SystemStatusReady(Outcome):
    """Answers `refresh_system_status`; nothing is to be done, and `error` says why."""

    msg_type: Literal["system_status_ready"]


EVENTS = (
    CatalogImportReady, QuestionnaireMatchReady, CampaignProgressReady, InventoryReady,
    SystemStatusReady,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a request is answered that is not carried out.

    Attributes:
        event: The form of the event that is announced.
        echoed: Keys of the request that the event repeats, as text.
        text_key: The key of the reason.
        reason: Why nothing is done, and what is there instead.
        is_ok: Whether what was asked for holds without it; None: the event has no `ok`.
    """

    event: type[Announcement]
    reason: str
    echoed: tuple[str, ...] = ()
    text_key: str = "error"
    is_ok: bool | None = False

    def to(self, body: Mapping[str, Any]) -> NewEvent:
        """The event that answers the request in `body`."""
        fields: dict[str, Any] = {key: str(body.get(key) or "") for key in self.echoed}
        if self.is_ok is not None:
            fields["ok"] = self.is_ok
        fields[self.text_key] = self.reason
        return announcement(self.event, None, fields.get("task_name"), **fields)


UNBUILT: Final[Mapping[str, Answer]] = {
    "submit_evgen_task": Answer(
        event=TaskSubmitFailed,
        echoed=("task_name",),
        text_key="reason",
        reason="prodops submits with prun only: ask for submit_task",
        is_ok=None,
    ),
    "catalog_import": Answer(
        event=CatalogImportReady,
        echoed=("source",),
        reason="prodops imports no catalog by itself: send the file to POST "
        "/pcs/api/catalog-import/",
    ),
    "questionnaire_match_update": Answer(
        event=QuestionnaireMatchReady, reason="prodops keeps no questionnaires"
    ),
    "campaign_progress_refresh": Answer(
        event=CampaignProgressReady,
        reason="prodops computes a campaign's progress when it is shown",
    ),
    "sync_epicprod_inventory": Answer(
        event=InventoryReady,
        echoed=("pandaid", "jeditaskid", "task_name"),
        reason="prodops keeps no inventory of jobs: it asks PanDA",
    ),
    "refresh_system_status": Answer(
        event=SystemStatusReady,
        reason="the status is read when it is shown: /system/",
        is_ok=True,
    ),
}
"""The requests, by `msg_type`."""
