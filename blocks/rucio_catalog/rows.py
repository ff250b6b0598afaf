"""Rows of Rucio's answers, read as values; a row of another form is no answer of Rucio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from blocks.rucio_catalog.errors import RucioUnavailable
from blocks.rucio_catalog.records import DatasetFile, FileReplicas, Replica, Rule

_T = TypeVar("_T")


def read(form: Callable[[Any], _T], rows: Iterable[Any]) -> Iterator[_T]:
    """Each row in its form.

    Raises:
        RucioUnavailable: A row has another form.
    """
    for row in rows:
        try:
            value = form(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            excerpt = str(row)[:80]
            raise RucioUnavailable(f"Rucio gave another row ({error!r}): {excerpt}") from error
        yield value


def text(row: object) -> str:
    """A row that is a name.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(row, str):
        raise TypeError(type(row).__name__)
    return row


def file_of(datasets: Iterable[str]) -> Callable[[Mapping[str, Any]], DatasetFile]:
    """What reads rows of these datasets' files; each dataset's name is kept once."""
    names = {name: name for name in datasets}

    def form(row: Mapping[str, Any]) -> DatasetFile:
        return DatasetFile(names[row["parent_name"]], row["name"], row["bytes"], row["adler32"])

    return form


def file_replicas(row: Mapping[str, Any]) -> FileReplicas:
    """A file with its replicas; a PFN's state is that of its RSE."""
    states = row.get("states") or {}
    found = [
        Replica(
            rse=way["rse"],
            pfn=pfn,
            state=states.get(way["rse"]) or "",
            domain=way.get("domain") or "",
            rse_type=way.get("type") or "",
            priority=way.get("priority") or 0,
        )
        for pfn, way in (row.get("pfns") or {}).items()
    ]
    found.sort(key=lambda replica: (replica.rse, replica.priority, replica.pfn))
    named = sorted({*states, *(row.get("rses") or ()), *(each.rse for each in found)})
    return FileReplicas(
        row["scope"],
        row["name"],
        row.get("bytes"),
        row.get("adler32"),
        tuple(found),
        {rse: states.get(rse) or "" for rse in named},
    )


def rule(row: Mapping[str, Any]) -> Rule:
    """A replication rule."""
    return Rule(str(row["id"]), row["rse_expression"], str(row["state"]))


def account_status(row: Mapping[str, Any]) -> str:
    """An account's status."""
    return str(row["status"])


def door(row: Mapping[str, Any]) -> str:
    """Where a protocol of an RSE is spoken, as ``scheme://host:port``."""
    return f"{row['scheme']}://{row['hostname']}:{row['port']}"


def rse_type(row: Mapping[str, Any]) -> tuple[str, str]:
    """An RSE's name and its type."""
    return row["rse"], str(row.get("rse_type") or "")
