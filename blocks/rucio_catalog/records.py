"""What a Rucio catalogue answers, as values; times are aware UTC, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, Self, TypeVar

from blocks.rucio_catalog.errors import IncompleteAnswer

AVAILABLE = "AVAILABLE"
_TIME = "%a, %d %b %Y %H:%M:%S %Z"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Replica:
    """One way to a file.

    Attributes:
        state: ``AVAILABLE``, ``UNAVAILABLE``, ``COPYING``, ``BAD``, ``BEING_DELETED``, … .
        domain: ``wan`` or ``lan``; empty where Rucio does not say.
        rse_type: ``DISK`` or ``TAPE``; empty where Rucio does not say.
        priority: the smaller, the sooner, among the ways into one RSE.
    """

    rse: str
    pfn: str
    state: str
    domain: str = ""
    rse_type: str = ""
    priority: int = 0

    @property
    def is_available(self) -> bool:
        """Whether the file can be read there, as Rucio knows."""
        return self.state == AVAILABLE


@dataclass(frozen=True)
class FileReplicas:
    """A file, and where it is; replicas of every state, in the order of RSE and priority.

    Attributes:
        states: of each RSE that Rucio names, those to which it gives no way included; empty text
            where it gives no state.
    """

    scope: str
    name: str
    size_bytes: int | None
    adler32: str | None
    replicas: tuple[Replica, ...]
    states: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DatasetFile:
    """A file of a dataset; adler32 is eight hexadecimal digits."""

    dataset: str
    name: str
    size_bytes: int | None
    adler32: str | None


@dataclass(frozen=True)
class DatasetReplica:
    """What an RSE has of a dataset.

    Attributes:
        length: files that Rucio has at the RSE or means to.
        available_length: files that are there.
        raw: Rucio's own record, as JSON.
    """

    rse: str
    length: int | None
    available_length: int | None
    size_bytes: int | None
    available_bytes: int | None
    state: str
    created_at: datetime | None
    updated_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Read a record; KeyError: it is none."""
        return cls(
            rse=row["rse"],
            length=row.get("length"),
            available_length=row.get("available_length"),
            size_bytes=row.get("bytes"),
            available_bytes=row.get("available_bytes"),
            state=str(row.get("state") or ""),
            created_at=time_of(row.get("created_at")),
            updated_at=time_of(row.get("updated_at")),
            raw=row,
        )


@dataclass(frozen=True)
class DidMetadata:
    """What Rucio keeps of a DID itself.

    Attributes:
        did_type: ``FILE``, ``DATASET`` or ``CONTAINER``.
        length: files; None of an open dataset, whose length nobody has counted yet.
        size_bytes: None of an open dataset.
        raw: Rucio's own record, as JSON.
    """

    scope: str
    name: str
    did_type: str
    length: int | None
    size_bytes: int | None
    adler32: str | None
    is_open: bool | None
    created_at: datetime | None
    updated_at: datetime | None
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Read a record; KeyError: it is none."""
        return cls(
            scope=row["scope"],
            name=row["name"],
            did_type=row["did_type"],
            length=row.get("length"),
            size_bytes=row.get("bytes"),
            adler32=row.get("adler32"),
            is_open=row.get("is_open"),
            created_at=time_of(row.get("created_at")),
            updated_at=time_of(row.get("updated_at")),
            raw=row,
        )


@dataclass(frozen=True)
class Child:
    """A DID in a container or dataset; did_type as in :class:`DidMetadata`."""

    scope: str
    name: str
    did_type: str


@dataclass(frozen=True)
class Rule:
    """A replication rule: where Rucio means to keep a DID; state such as ``OK`` or ``STUCK``."""

    id: str
    rse_expression: str
    state: str


@dataclass(frozen=True)
class NewFile:
    """A file to be registered, as the storage has it; pfn None: where the RSE's rule puts it."""

    name: str
    size_bytes: int
    adler32: str
    pfn: str | None = None


@dataclass(frozen=True)
class Answers(Generic[_T]):
    """What Rucio knows of each name that it was asked for.

    Attributes:
        found: by name.
        missing: names that Rucio does not know.
    """

    found: Mapping[str, _T]
    missing: tuple[str, ...] = ()

    def complete(self) -> Mapping[str, _T]:
        """All of it.

        Raises:
            IncompleteAnswer: Names are missing.
        """
        if self.missing:
            raise IncompleteAnswer(self.missing)
        return self.found


def time_of(text: object) -> datetime | None:
    """Rucio's times: ``Mon, 23 Nov 2026 05:37:24 UTC``; None where there is none."""
    if not isinstance(text, str) or not text:
        return None
    return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
