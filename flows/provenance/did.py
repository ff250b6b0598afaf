"""Reading one DID from Rucio now, for its page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy.orm import Session

from blocks.errors import ProdOpsError
from blocks.rucio_catalog import (
    DatasetFile,
    DidMetadata,
    DidNotFound,
    FileReplicas,
    NoReplicas,
    Replica,
)
from flows.common.database import now
from flows.provenance import ledger, repository
from flows.provenance.domain import figures
from flows.provenance.ledger import End
from flows.provenance.workplace import workplace

ACTION: Final = "read_did"
_MOST_FILES: Final = 1000
_FILE: Final = "FILE"
_DATASET: Final = "DATASET"


def read(scope: str, name: str) -> dict[str, Any] | None:
    """What Rucio says of a DID; None where it does not know it.

    Raises:
        RucioUnavailable, RucioUnauthorized: It does not say.
    """
    catalog = workplace().catalog
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
    children = list(workplace().catalog.content(metadata.scope, metadata.name))
    shown = [{"name": each.name, "type": each.did_type} for each in children[:_MOST_FILES]]
    return {"rses": [], "files": [], "file_count": 0, "children": shown}


def _dataset(metadata: DidMetadata) -> dict[str, Any]:
    catalog, scope, name = workplace().catalog, metadata.scope, metadata.name
    replicas = catalog.dataset_replicas(scope, [name]).found.get(name, ())
    listed = list(catalog.files_of(scope, [name]))
    listed.sort(key=lambda file: file.name)
    files = list(islice(listed, _MOST_FILES))
    places = catalog.replicas_of(scope, [file.name for file in files]).found
    return {
        "rses": [figures.at_rse(each) for each in sorted(replicas, key=lambda each: each.rse)],
        "files": [_file(each, _replicas(places.get(each.name))) for each in files],
        "file_count": len(listed),
    }


def _replicas(file: FileReplicas | None) -> Sequence[Replica]:
    return file.replicas if file is not None else ()


def _file(file: DatasetFile, replicas: Sequence[Replica]) -> dict[str, Any]:
    return {
        "name": file.name,
        "bytes": file.size_bytes,
        "adler32": file.adler32,
        "replicas": _places(replicas),
    }


def _file_itself(metadata: DidMetadata) -> dict[str, Any]:
    try:
        replicas = workplace().catalog.replicas(metadata.scope, metadata.name).replicas
    except NoReplicas:
        replicas = ()
    file = DatasetFile("", metadata.name, metadata.size_bytes, metadata.adler32)
    return _file(file, replicas)


def _places(replicas: Sequence[Replica]) -> list[dict[str, str]]:
    return [{"rse": each.rse, "pfn": each.pfn, "state": each.state} for each in replicas]


# ------------------------------------------------------------------ records


def note(scope: str, name: str, body: dict[str, Any] | None) -> None:
    """Record what Rucio said, end the request, and announce it."""
    moment = now()
    values = {
        "scope": scope,
        "name": name,
        "is_there": body is not None,
        "body": body or {},
        "error": None,
        "read_at": moment,
        "attempted_at": moment,
    }
    _record(scope, name, values, is_there=body is not None)


def note_failure(scope: str, name: str, error: ProdOpsError) -> None:
    """Record and announce that Rucio did not say; what it said before stays."""
    values = {"scope": scope, "name": name, "error": str(error), "attempted_at": now()}
    _record(scope, name, values, error=str(error))


def _record(scope: str, name: str, values: dict[str, Any], **told: Any) -> None:
    error = told.pop("error", None)
    end = End(
        action=ACTION,
        told={"scope": scope, "name": name, **told},
        subject=f"{scope}:{name}",
        error=error,
        result=told,
    )

    def write(session: Session) -> None:
        repository.note_live(session, values)

    ledger.record(end, write)
