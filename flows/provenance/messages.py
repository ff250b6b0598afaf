"""The events of provenance (ops contract sections 1.8 to 1.10), and those that prodops adds."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from flows.common.claims import Claim
from flows.common.events import NewEvent, announcement
from flows.common.messages import Announcement, EventPart, Outcome, Timestamp, msg_type_of
from flows.common.models import Request

_CAMPAIGN: Final = Field(description="Name of the campaign.", examples=["26.05.0"])


class Numbers(EventPart):
    """A campaign in numbers. Paths that are found are complete, replicating, tape or incomplete."""

    requested: int = Field(description="Paths that are asked for.", examples=[120])
    found: int = Field(description="Of these, those that Rucio has.", examples=[96])
    missing: int = Field(description="Those that it has not.", examples=[20])
    unknown: int = Field(description="Those of which nobody knows.", examples=[4])
    complete: int = Field(description="Found paths with all files on disk.", examples=[80])
    replicating: int = Field(description="With all files, not yet everywhere.", examples=[6])
    tape: int = Field(description="With all files on tape only.", examples=[2])
    incomplete: int = Field(description="With files that are nowhere.", examples=[8])
    datasets: int = Field(description="Datasets at Rucio.", examples=[101])
    unmatched: int = Field(description="Of these, those that nobody asked for.", examples=[5])
    contradictory: int = Field(description="Those whose counts contradict.", examples=[0])
    files: int = Field(description="Files of the datasets.", examples=[40210])
    size_bytes: int = Field(description="Their size.", examples=[52000000000000])


class SweepSummary(Numbers):
    """What a sweep found."""

    seconds: float = Field(description="What it took.", examples=[41.7])


class ReportCounts(Numbers):
    """A report's numbers; `files` are those on disk."""

    total_files: int = Field(description="Files of the datasets, wherever.", examples=[41000])


class CampaignArrivals(EventPart):
    """What is new of a campaign."""

    files: int = Field(description="New files.")
    datasets: int = Field(description="Datasets that they are in.")
    is_known: bool = Field(description="Whether PCS has the campaign.")


class ProvenanceProgress(Announcement):
    """How far a long action is, twice a second at most."""

    SUBJECT: ClassVar = "the campaign, `EVGEN`, the DID, or nothing"

    msg_type: Literal["provenance_progress"]
    action: str = Field(description="The action.", examples=["campaign_provenance_sweep"])
    campaign: str = Field("", description="The campaign of a sweep, or `EVGEN`.")
    done: int = Field(description="How many are done.", examples=[12])
    total: int = Field(description="Of how many; 0: not known.", examples=[101])
    text: str = Field(description="What is being done, in words.", examples=["reading datasets"])


class SnapshotReady(Outcome):
    """A snapshot of every producing campaign has ended; `error` names each that failed."""

    FEED: ClassVar = "rucio_snapshot"

    msg_type: Literal["rucio_snapshot_ready"]


class CampaignSwept(Outcome):
    """A sweep of one campaign has ended, alone or within a snapshot."""

    SUBJECT: ClassVar = "the campaign"
    FEED: ClassVar = "campaign_sweep"

    msg_type: Literal["campaign_provenance_ready"]
    campaign: str = _CAMPAIGN
    summary: SweepSummary | None = Field(None, description="What it found.")


class EvgenReady(Outcome):
    """A sweep of the registered inputs has ended."""

    FEED: ClassVar = "evgen_sweep"

    msg_type: Literal["evgen_rucio_ready"]
    summary: SweepSummary | None = Field(None, description="What it found.")


class EvgenRegistered(Outcome):
    """A dataset was registered, or could not be; not announced by a dry run.

    Without `dataset` the whole action failed.
    """

    SUBJECT: ClassVar = "the DID"
    FEED: ClassVar = "evgen_registration"

    msg_type: Literal["evgen_registered"]
    dataset: str = Field("", description="Its name.", examples=["/EVGEN/DIS/NC/10x100/minQ2=1"])
    did: str = Field("", description="Its DID.", examples=["epic:/EVGEN/DIS/NC/10x100/minQ2=1"])
    files: int = Field(0, description="Its files.", examples=[12])
    paths: list[str] = Field([], description="The requested paths that it is for.")


class RucioArrivals(Outcome):
    """An arrivals sweep has ended."""

    FEED: ClassVar = "arrivals_sweep"

    msg_type: Literal["rucio_arrivals"]
    window_start: Timestamp | None = Field(None, description="Since when files count.")
    swept_at: Timestamp | None = Field(None, description="When it began.")
    files: int = Field(0, description="New files.", examples=[210])
    by_campaign: dict[str, CampaignArrivals] = Field(
        {},
        description="What is new, by campaign.",
        examples=[{"26.05.0": {"files": 210, "datasets": 3, "is_known": True}}],
    )
    unknown_campaigns: list[str] = Field([], description="Campaigns that PCS does not have.")


class CompletionReported(Outcome):
    """A completion report was made; where only its mail failed, `ok` is false and it has an id."""

    SUBJECT: ClassVar = "the campaign, or `current`"
    FEED: ClassVar = "completion_report"

    msg_type: Literal["completion_report_ready"]
    campaign: str | None = Field(
        description="Name of the campaign; null: the current one.", examples=["26.05.0"]
    )
    report_id: int | None = Field(None, description="Number of the report.", examples=[17])
    mailed: bool = Field(False, description="Whether it was mailed.", examples=[True])
    mail: str = Field("", description="That in words.", examples=["mailed"])
    counts: ReportCounts | None = Field(None, description="The report's numbers.")


class DidRead(Outcome):
    """A DID was read from Rucio."""

    SUBJECT: ClassVar = "the DID"

    msg_type: Literal["rucio_did_ready"]
    scope: str = Field(description="Its scope.", examples=["epic"])
    name: str = Field(description="Its name.", examples=["/EVGEN/DIS/NC/10x100/minQ2=1"])
    is_there: bool = Field(False, description="Whether Rucio has it.", examples=[True])


EVENTS = (
    ProvenanceProgress, SnapshotReady, CampaignSwept, EvgenReady, EvgenRegistered, RucioArrivals,
    CompletionReported, DidRead,
)  # fmt: skip

SNAPSHOT: Final = msg_type_of(SnapshotReady)
SWEPT: Final = msg_type_of(CampaignSwept)
PROGRESS: Final = msg_type_of(ProvenanceProgress)

ENDINGS: Final[dict[str, type[Outcome]]] = {
    "rucio_snapshot_update": SnapshotReady,
    "campaign_provenance_sweep": CampaignSwept,
    "evgen_rucio_update": EvgenReady,
    "register_evgen": EvgenRegistered,
    "sweep_arrivals": RucioArrivals,
    "report_completion": CompletionReported,
    "read_did": DidRead,
}
"""The event that ends each action, well or not."""


def ended(action: str, claim: Claim | None, subject: str | None = None, **fields: Any) -> NewEvent:
    """Final: how an action ended; `ok`, then `summary` or `error`, and what it is about."""
    return announcement(ENDINGS[action], claim, subject, **fields)


def progress(action: str, claim: Claim, subject: str | None = None, **fields: Any) -> NewEvent:
    """How far a long action is: done, total, text."""
    return announcement(ProvenanceProgress, claim, subject, action=action, **fields)


def lost(request: Request) -> tuple[NewEvent, ...]:
    """Final: an action was cancelled, or its run lost for good; nothing where its parts say it."""
    if request.action not in ENDINGS:
        return ()
    about: dict[str, Any] = {
        name: request.parameters[name]
        for name in ("campaign", "scope", "name")
        if name in request.parameters
    }
    claim = Claim(request.id, request.attempts, request.flow_run_id)
    error = request.error or f"{request.state}"
    return (ended(request.action, claim, request.subject, **about, ok=False, error=error),)
