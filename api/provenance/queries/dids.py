"""What is known of one DID: as last swept, as last read from Rucio, and its lineage."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.provenance.queries.campaigns import open_requests
from api.provenance.queries.lineage import Lineage, dataset_named, lineage_of
from blocks import did_names
from blocks.errors import ProdOpsError
from flows.common.database import now
from flows.common.models import Request
from flows.provenance.models import LiveDid, ProducedDataset, ProducedFile

FILES_SHOWN: Final = 100
_FRESH: Final = timedelta(seconds=30)
_MOST_SHOWN: Final = 200


class BadDid(ProdOpsError):
    """A text that names no DID; the message says why."""


class Knowledge(StrEnum):
    """What is known of whether the DID is there."""

    KNOWN = "known"
    ABSENT = "absent"
    UNANSWERED = "unanswered"
    """Rucio was asked and did not answer, and no sweep has seen it."""
    ASKED = "asked"
    """Nobody knows yet."""


@dataclass(frozen=True)
class Did:
    """A scope and a name, exactly; a catalogue may hold it."""

    scope: str
    name: str

    @property
    def unreachable(self) -> str | None:
        """Why Rucio cannot be asked for it; None where it can."""
        return did_names.unreachable(self.name)

    def __str__(self) -> str:
        return f"{self.scope}:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Detail:
    """Everything of a DID.

    Attributes:
        dataset: As the last sweep saw it; of a file, the dataset that holds it.
        file: The file, where the DID is one's.
        files: A page of the dataset's files.
        live: What Rucio said when it was last asked for it.
        request: The reading that is under way.
    """

    did: Did
    dataset: ProducedDataset | None
    file: ProducedFile | None
    live: LiveDid | None
    request: Request | None
    lineage: Lineage
    files: list[ProducedFile] = field(default_factory=list)
    page: int = 1
    pages: int = 1

    @property
    def knowledge(self) -> Knowledge:
        """What is known of whether it is there."""
        is_seen = self.live is not None and self.live.is_there
        if self.file is not None or self.is_dataset or is_seen:
            return Knowledge.KNOWN
        if self.live is None:
            return Knowledge.ASKED
        return Knowledge.UNANSWERED if self.live.error else Knowledge.ABSENT

    @property
    def is_dataset(self) -> bool:
        """Whether a sweep knows the DID as a dataset."""
        return self.dataset is not None and self.dataset.name == self.did.name

    @property
    def is_gone(self) -> bool:
        """Whether Rucio has it no more, though the last sweep saw it."""
        live = self.live
        if live is None or live.is_there or live.error or live.read_at is None:
            return False
        return self.dataset is not None and live.read_at > self.dataset.checked_at

    @property
    def body(self) -> dict[str, Any]:
        """What Rucio said."""
        return self.live.body if self.live is not None else {}

    @property
    def live_files(self) -> list[dict[str, Any]]:
        """The first of the files that Rucio named, with their replicas."""
        found: list[dict[str, Any]] = self.body.get("files") or []
        return found[:_MOST_SHOWN]


def parse(text: str) -> Did:
    """The DID that `scope:/name` says, exactly: a blank, or a slash at its end, is never dropped.

    Raises:
        BadDid: It says none that a catalogue may hold.
    """
    scope, colon, name = text.partition(":")
    if not colon:
        raise BadDid(f"did: {text[:60]!r} is not of the form scope:/name")
    return checked(scope, name)


def checked(scope: str, name: str) -> Did:
    """The DID, where a catalogue may hold it.

    Raises:
        BadDid: None may.
    """
    try:
        return Did(did_names.check_scope(scope), did_names.check_signs(name))
    except did_names.BadDidName as error:
        lost = "; in an address, write + as %2B" if " " in name else ""
        raise BadDid(f"did: {error}{lost}") from None


def require_reachable(did: Did) -> None:
    """Make sure that Rucio can be asked for the DID.

    Raises:
        BadDid: It cannot.
    """
    if (reason := did.unreachable) is not None:
        raise BadDid(f"did: name {did.name[:60]!r} {reason}: Rucio cannot be asked for it")


def require_known(detail: Detail) -> None:
    """Make sure that the last sweep has a DID that Rucio cannot be asked for.

    Raises:
        BadDid: It has not: nobody can tell whether there is one.
    """
    if detail.dataset is None:
        require_reachable(detail.did)


def read(session: Session, did: Did, *, page: int = 1) -> Detail:
    """All that is known of the DID."""
    dataset = dataset_named(session, did.scope, did.name)
    file = None
    if dataset is None:
        dataset, file = _file(session, did)
    is_whole = dataset is not None and file is None
    asked = open_requests(session, "read_did", subject=str(did))
    return Detail(
        did=did,
        dataset=dataset,
        file=file,
        live=session.get(LiveDid, (did.scope, did.name)),
        request=next(reversed(asked), None),
        lineage=lineage_of(session, dataset),
        files=_files(session, dataset, page) if dataset is not None and is_whole else [],
        page=page,
        pages=max(1, -(-dataset.file_count // FILES_SHOWN)) if dataset is not None else 1,
    )


def is_due(detail: Detail, at: datetime | None = None) -> bool:
    """Whether Rucio should be asked, now that somebody opens its page."""
    if detail.request is not None or detail.did.unreachable is not None:
        return False
    live = detail.live
    return live is None or (at or now()) - live.attempted_at > _FRESH


def _file(session: Session, did: Did) -> tuple[ProducedDataset | None, ProducedFile | None]:
    """The file of that name in a dataset that its directory names, with or without a slash."""
    directory = did.name.rpartition("/")[0]
    for name in (directory, f"{directory}/"):
        dataset = dataset_named(session, did.scope, name)
        file = session.get(ProducedFile, (dataset.id, did.name)) if dataset is not None else None
        if file is not None:
            return dataset, file
    return None, None


def _files(session: Session, dataset: ProducedDataset, page: int) -> list[ProducedFile]:
    of_it = select(ProducedFile).where(ProducedFile.dataset_id == dataset.id)
    shown = of_it.order_by(ProducedFile.name).limit(FILES_SHOWN).offset((page - 1) * FILES_SHOWN)
    return list(session.scalars(shown))
