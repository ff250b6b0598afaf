"""Tables of provenance: what was requested, what Rucio holds, and how one is of the other.

The ops side writes them, a campaign at a time, in one transaction; everybody reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from flows.common.column_types import Reason
from flows.common.database import AwareTime, Base, now

_EMPTY_LIST = text("'[]'::jsonb")
_EMPTY_OBJECT = text("'{}'::jsonb")

EVGEN: Final = "EVGEN"
"""Stands for the campaign of the registered inputs (``/EVGEN/...``), which have none."""


TAPE: Final = "TAPE"
"""Rucio's type of an RSE whose files must be staged before they can be read."""


class SweepState(StrEnum):
    """How the last sweep of a campaign ended."""

    OK = "ok"
    """Everything that was asked was answered."""
    FAILED = "failed"
    """Rucio did not answer, or not whole: what stands is that of `checked_at`."""


class Finding(StrEnum):
    """What is known of a requested path in a campaign."""

    FOUND = "found"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """Never asked with an answer."""


class Rule(StrEnum):
    """Why a produced dataset counts for a requested path."""

    EXACT = "exact"
    """``/<STAGE>/<campaign>/<detector_config>/<suffix>``."""
    BACKGROUND = "background"
    """The same behind a background prefix (``Bkg_.../GoldCt/<n>um/<suffix>``)."""
    FILE = "file"
    """The request names a file, and the dataset of its directory holds what was made of it."""
    VERSION = "version"
    """The same path with another generator version: a suggestion, which finds nothing."""
    TOKENS = "tokens"
    """Of EVGEN: the path's parts in their order, among others, with a Q2 range that fits: a
    suggestion, which finds nothing (ops contract section 1.10)."""


class Availability(StrEnum):
    """Where all files of a dataset are, by Rucio's counts and its list of files; the best first."""

    COMPLETE = "complete"
    """All at every RSE that is to have them, one of them a disk."""
    REPLICATING = "replicating"
    """All at a disk; another RSE still lacks some."""
    TAPE = "tape"
    """All on tape, and not all at any disk."""
    INCOMPLETE = "incomplete"
    """Not all at any one RSE, or the dataset's own counts contradict each other."""


def most_on_disk(rses: Iterable[Mapping[str, Any]], listed: int) -> int:
    """The files at the disk that has most of them; never more than are listed.

    An RSE whose type Rucio does not say is taken for a disk. What several disks have of a dataset
    together is not known from Rucio's counts.
    """
    on_disk = (each["files"] or 0 for each in rses if each.get("type") != TAPE)
    return min(listed, max(on_disk, default=0))


class CampaignSweep(Base):
    """The last sweep of a campaign, and what it counted. `checked_at`: of what stands here."""

    __tablename__ = "provenance_campaign"

    campaign: Mapped[str] = mapped_column(String(100), primary_key=True)
    state: Mapped[SweepState] = mapped_column(String(10))
    error: Mapped[str | None] = mapped_column(Reason)
    attempted_at: Mapped[datetime] = mapped_column(AwareTime)
    checked_at: Mapped[datetime | None] = mapped_column(AwareTime)
    request_id: Mapped[int | None] = mapped_column(BigInteger)
    seconds: Mapped[float] = mapped_column(server_default=text("0"))
    # As `domain.figures.counts` gives them.
    counts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT)


class ProducedDataset(Base):
    """A dataset that Rucio holds. At most one requested path owns it."""

    __tablename__ = "provenance_dataset"
    __table_args__ = (
        UniqueConstraint("scope", "name"),
        Index("provenance_dataset_campaign_idx", "campaign", "stage"),
        Index("provenance_dataset_owner_idx", "owner_task"),
        Index("provenance_dataset_arrived_idx", "arrived_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    scope: Mapped[str] = mapped_column(String(25))
    name: Mapped[str] = mapped_column(String(250))
    campaign: Mapped[str] = mapped_column(String(100))
    stage: Mapped[str] = mapped_column(String(20))
    detector_config: Mapped[str] = mapped_column(String(100))
    suffix: Mapped[str] = mapped_column(String(250))
    background: Mapped[str] = mapped_column(String(250), server_default="")
    # What Rucio says of the dataset; null while it is open.
    length: Mapped[int | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    is_open: Mapped[bool | None]
    # What its files, as Rucio lists them, add up to.
    file_count: Mapped[int]
    file_bytes: Mapped[int] = mapped_column(BigInteger)
    # Of these, what totals count here: a file of several datasets is counted with the first.
    counted_files: Mapped[int]
    counted_bytes: Mapped[int] = mapped_column(BigInteger)
    # [{"rse", "type", "files": available, "total", "bytes", "complete"}], by name.
    rses: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    availability: Mapped[Availability] = mapped_column(String(12))
    # Where Rucio's counts contradict each other, in words.
    contradictions: Mapped[list[str]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    # Earliest creation of a replica at an RSE.
    arrived_at: Mapped[datetime | None] = mapped_column(AwareTime)
    checked_at: Mapped[datetime] = mapped_column(AwareTime)
    owner_path: Mapped[str | None] = mapped_column(String(500))
    owner_task: Mapped[str | None] = mapped_column(String(255))

    @property
    def did(self) -> str:
        """Scope and name, as Rucio's commands take them."""
        return f"{self.scope}:{self.name}"

    @property
    def is_complete(self) -> bool:
        """Whether all its files are wherever they are to be."""
        return self.availability == Availability.COMPLETE

    @property
    def files_on_disk(self) -> int:
        """Its files at the disk that has most of them."""
        return most_on_disk(self.rses, self.file_count)


class ProducedFile(Base):
    """A file of a produced dataset."""

    __tablename__ = "provenance_file"

    dataset_id: Mapped[int] = mapped_column(
        ForeignKey("provenance_dataset.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(250), primary_key=True)
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    adler32: Mapped[str | None] = mapped_column(String(8))


class RequestedPath(Base):
    """A requested path, seen from one campaign."""

    __tablename__ = "provenance_path"

    campaign: Mapped[str] = mapped_column(String(100), primary_key=True)
    path: Mapped[str] = mapped_column(String(500), primary_key=True)
    suffix: Mapped[str] = mapped_column(String(500))
    finding: Mapped[Finding] = mapped_column(String(10))
    # Why nothing matches, where that is known.
    reason: Mapped[str | None] = mapped_column(Reason)
    checked_at: Mapped[datetime | None] = mapped_column(AwareTime)
    priority: Mapped[int | None]
    requestor: Mapped[str] = mapped_column(String(100), server_default="")
    # Names of PCS's tasks of this path: all, and which of them are of this campaign.
    tasks: Mapped[list[str]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    campaign_tasks: Mapped[list[str]] = mapped_column(JSONB, server_default=_EMPTY_LIST)

    @property
    def other_tasks(self) -> list[str]:
        """The tasks of other campaigns: they asked for the path, and did not produce this."""
        return [each for each in self.tasks if each not in self.campaign_tasks]


class PathMatch(Base):
    """A produced dataset that counts for a requested path, or that is suggested for it."""

    __tablename__ = "provenance_match"
    __table_args__ = (Index("provenance_match_dataset_idx", "dataset_id"),)

    campaign: Mapped[str] = mapped_column(String(100), primary_key=True)
    path: Mapped[str] = mapped_column(String(500), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(
        ForeignKey("provenance_dataset.id", ondelete="CASCADE"), primary_key=True
    )
    rule: Mapped[Rule] = mapped_column(String(12))
    # Files of the dataset that are of this path, where the rule is `file`.
    file_count: Mapped[int | None]


class DetectedRelease(Base):
    """A version under ``/RECO`` at Rucio, known to PCS as a campaign or not."""

    __tablename__ = "provenance_release"

    version: Mapped[str] = mapped_column(String(100), primary_key=True)
    datasets: Mapped[int]
    checked_at: Mapped[datetime] = mapped_column(AwareTime)


class ArrivalsSweep(Base):
    """The files that arrived between two sweeps of the arrivals."""

    __tablename__ = "provenance_arrivals"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    window_start: Mapped[datetime] = mapped_column(AwareTime)
    swept_at: Mapped[datetime] = mapped_column(AwareTime)
    files: Mapped[int]
    # Of each campaign: files, datasets, is_known.
    by_campaign: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT)
    # Names of the newest files, which the next sweep sees again and does not count again.
    recent: Mapped[list[str]] = mapped_column(JSONB, server_default=_EMPTY_LIST, deferred=True)


class CompletionReport(Base):
    """A completion report as it was made, with what changed since the one before."""

    __tablename__ = "provenance_report"
    __table_args__ = (
        UniqueConstraint("request_id"),  # a run that goes on after a lost one finds its report
        Index("provenance_report_campaign_idx", "campaign", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    campaign: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime] = mapped_column(AwareTime, default=now)
    request_id: Mapped[int | None] = mapped_column(BigInteger)
    previous_id: Mapped[int | None] = mapped_column(BigInteger)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    markdown: Mapped[str] = mapped_column(Text)
    # When its mail was handed to the relay; without `mailed_at`, nobody knows whether it was taken.
    mail_begun_at: Mapped[datetime | None] = mapped_column(AwareTime)
    mailed_at: Mapped[datetime | None] = mapped_column(AwareTime)
    mail_error: Mapped[str | None] = mapped_column(Reason)


class LiveDid(Base):
    """What Rucio said of a DID when somebody looked at its page."""

    __tablename__ = "provenance_live_did"

    scope: Mapped[str] = mapped_column(String(25), primary_key=True)
    name: Mapped[str] = mapped_column(String(250), primary_key=True)
    is_there: Mapped[bool]
    # metadata, rses, rules, and up to a bounded number of files with their replicas
    body: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT)
    error: Mapped[str | None] = mapped_column(Reason)
    read_at: Mapped[datetime | None] = mapped_column(AwareTime)
    attempted_at: Mapped[datetime] = mapped_column(AwareTime)
