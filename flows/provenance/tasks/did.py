"""Reading one DID from Rucio now, for its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from blocks.errors import ProdOpsError
from blocks.rucio_catalog import DatasetFile, DidMetadata, DidNotFound, NoReplicas, Replica
from flows.common.database import now
from flows.provenance.actions import READ_DID
from flows.provenance.domain.availability import assess, by_replicas
from flows.provenance.repository import sweeps
from flows.provenance.tasks import access
from flows.provenance.tasks.common import conclude, task

_MOST_FILES: Final = 1000
_FILE: Final = "FILE"
_DATASET: Final = "DATASET"


@task("read the DID")
def read_rucio(scope: str, name: str) -> dict[str, Any] | None:
    """What Rucio says of a DID; None where it does not know it.

    Raises:
        RucioUnavailable, RucioUnauthorized: It does not say.
    """
    catalog = access.catalog()
    try:
        metadata = catalog.did(scope, name)
        rules = catalog.rules_of(scope, name)
        content = _content(metadata)
    except DidNotFound:
        return None
    return {
        "metadata": dict(metadata.raw),
        "rules": [
            {"id": each.id, "rse_expression": each.rse_expression, "state": each.state}
            for each in rules
        ],
        **content,
    }


def _content(metadata: DidMetadata) -> dict[str, Any]:
    if metadata.did_type == _FILE:
        return {"rses": [], "files": [_file_itself(metadata)], "file_count": 1}
    if metadata.did_type == _DATASET:
        return _dataset(metadata)
    children = list(access.catalog().content(metadata.scope, metadata.name))
    shown = [{"name": each.name, "type": each.did_type} for each in children[:_MOST_FILES]]
    return {"rses": [], "files": [], "file_count": 0, "children": shown}


def _dataset(metadata: DidMetadata) -> dict[str, Any]:
    catalog, scope, name = access.catalog(), metadata.scope, metadata.name
    at_rses = catalog.dataset_replicas(scope, [name]).found.get(name, ())
    listed = sorted(catalog.files_of(scope, [name]), key=lambda file: file.name)
    assessed = assess(metadata, at_rses, len(listed), rse_types=catalog.rse_types())
    files = listed[:_MOST_FILES]
    found = catalog.replicas_of(scope, [file.name for file in files]).found
    replicas = {name: each.replicas for name, each in found.items()}
    contradictions = list(assessed.contradictions)
    if len(files) == len(listed):  # else the others' replicas are not known
        there = _available(replicas.values())
        contradictions += by_replicas(at_rses, there, is_open=metadata.is_open)
    return {
        "rses": [dict(each) for each in assessed.rses],
        "availability": assessed.availability,
        "contradictions": contradictions,
        "files": [_file(each, replicas.get(each.name, ())) for each in files],
        "file_count": len(listed),
    }


def _available(replicas: Iterable[Sequence[Replica]]) -> Counter[str]:
    """How many files have an available replica, by RSE, which may give several ways to a file."""
    return Counter(
        rse for each in replicas for rse in {way.rse for way in each if way.is_available}
    )


def _file_itself(metadata: DidMetadata) -> dict[str, Any]:
    try:
        replicas = access.catalog().replicas(metadata.scope, metadata.name).replicas
    except NoReplicas:
        replicas = ()
    file = DatasetFile("", metadata.name, metadata.size_bytes, metadata.adler32)
    return _file(file, replicas)


def _file(file: DatasetFile, replicas: Sequence[Replica]) -> dict[str, Any]:
    return {
        "name": file.name,
        "bytes": file.size_bytes,
        "adler32": file.adler32,
        "replicas": [{"rse": each.rse, "pfn": each.pfn, "state": each.state} for each in replicas],
    }


@task("record the DID")
def record_did(scope: str, name: str, body: dict[str, Any] | None) -> dict[str, Any]:
    """Record what Rucio said, and announce it; gives the request's result."""
    result = {"is_there": body is not None}
    _conclude(scope, name, {"body": body or {}, "read_at": now(), **result}, result)
    return result


@task("record that the DID was not read")
def record_failure(scope: str, name: str, error: ProdOpsError) -> None:
    """Record and announce that Rucio did not say; what it said before stays."""
    _conclude(scope, name, {}, {}, error=str(error))


def _conclude(
    scope: str,
    name: str,
    values: dict[str, Any],
    result: dict[str, Any],
    *,
    error: str | None = None,
) -> None:
    did = {"scope": scope, "name": name}
    row = {**did, **values, "error": error, "attempted_at": values.get("read_at", now())}
    conclude(
        READ_DID,
        did | result,
        subject=f"{scope}:{name}",
        error=error,
        result=result,
        write=lambda session: sweeps.note_live(session, row),
    )
