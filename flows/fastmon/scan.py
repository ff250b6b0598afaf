"""The directory scan (continuous mode): new STF files in watched directories are taken in.

A file is taken when its size has stood still; what was seen is remembered in the database, so that
a restart neither takes a file twice nor waits for it anew.
"""

from __future__ import annotations

import fnmatch
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from blocks.errors import Invalid, ProdOpsError
from flows.common.database import now, transaction
from flows.common.settings import FastmonSettings, absolute
from flows.fastmon import intake, repository, schemas
from flows.fastmon.intake import Incoming
from flows.fastmon.models import WatchedFile

_CHUNK_BYTES: Final = 1 << 20
_BATCH: Final = 200


class UnreadableDirectory(ProdOpsError):
    """A watched directory cannot be read."""


@dataclass(frozen=True)
class Sighting:
    """A file as it was seen."""

    path: Path
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True)
class ScanReport:
    """What a scan did."""

    seen: int
    taken: int
    refused: int


def scan(engine: Engine, configured: FastmonSettings) -> ScanReport:
    """Look into the watched directories once, and take in the files that stand still.

    Raises:
        UnreadableDirectory: A directory is not there, or cannot be read.
        DatabaseUnavailable: Nothing more was taken; the next scan goes on from there.
    """
    sightings = list(look(configured))
    settled = _settled(engine, sightings, timedelta(seconds=configured.watch_settle_seconds))
    taken = 0
    for start in range(0, len(settled), _BATCH):
        taken += _take(engine, settled[start : start + _BATCH], configured)
    return ScanReport(len(sightings), taken, refused=len(settled) - taken)


def look(configured: FastmonSettings) -> Iterator[Sighting]:
    """The files in the watched directories whose names are of a pattern, each once."""
    for name in configured.watch_dirs:
        try:
            directory = absolute(Path(name))
        except ValueError as error:
            raise UnreadableDirectory(f"watched directory {name}: {error}") from error
        try:
            paths = sorted(directory.iterdir())
        except OSError as error:
            raise UnreadableDirectory(f"watched directory {directory}: {error.strerror}") from error
        for path in paths:
            if any(fnmatch.fnmatchcase(path.name, each) for each in configured.watch_patterns):
                yield from _sight(path)


def message_of(sighting: Sighting, configured: FastmonSettings) -> dict[str, Any]:
    """The `stf_ready` that the file stands for."""
    modified = sighting.modified_at.isoformat()
    return {
        "msg_type": "stf_ready",
        "namespace": configured.watch_namespace or None,
        "filename": sighting.path.name,
        "run_id": str(run_number(sighting.path.name, configured)),
        "file_url": file_url(sighting.path, configured.watch_base_url),
        "checksum": adler32(sighting.path) if configured.watch_checksum else None,
        "size_bytes": sighting.size_bytes,
        "start": modified,
        "end": modified,
        "state": "run",
        "substate": "physics",
        "processed_by": configured.agent_name,
        "sender": configured.agent_name,
    }


def run_number(name: str, configured: FastmonSettings) -> int:
    """The run number in a file's name, else the configured one."""
    found = re.search(configured.watch_run_pattern, name, re.IGNORECASE)
    return int(found[1]) if found else configured.watch_default_run


def file_url(path: Path, base: str) -> str:
    """The file's URL: `file://` gives `file:///data/x`, a door `root://door//data/x`."""
    return (
        base.removesuffix("/") + "/" + str(path) if base.startswith("root:") else base + str(path)
    )


def adler32(path: Path) -> str:
    """The file's checksum in the catalogue's form, read in pieces."""
    value = 1
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            value = zlib.adler32(chunk, value)
    return f"ad:{value:08x}"


def _sight(path: Path) -> Iterator[Sighting]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return  # gone since the directory was read
    if path.is_file():
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        yield Sighting(path.absolute(), status.st_size, modified)


def _settled(engine: Engine, sightings: Sequence[Sighting], settle: timedelta) -> list[Sighting]:
    """Note what was seen; gives what has stood still long enough and was not taken."""
    moment = now()
    with transaction(engine) as session:
        known = repository.watched_files(session, _paths(sightings))
        for sighting in sightings:
            path = str(sighting.path)
            row = known.get(path)
            if row is None or (row.taken_at is None and not _is_same(row, sighting)):
                known[path] = repository.note_watched(
                    session,
                    path,
                    size_bytes=sighting.size_bytes,
                    modified_at=sighting.modified_at,
                    unchanged_since=moment,
                )
    return [
        sighting
        for sighting in sightings
        if (row := known[str(sighting.path)]).taken_at is None
        and moment - row.unchanged_since >= settle
    ]


def _paths(sightings: Sequence[Sighting]) -> list[str]:
    return [str(sighting.path) for sighting in sightings]


def _is_same(row: WatchedFile, sighting: Sighting) -> bool:
    return row.size_bytes == sighting.size_bytes and row.modified_at == sighting.modified_at


def _take(engine: Engine, batch: Sequence[Sighting], configured: FastmonSettings) -> int:
    """Take in the STFs of a batch of files, then note that they were taken.

    A crash between the two takes them in again, which changes nothing: the inbox knows them.
    """
    incoming = []
    refused: dict[str, str] = {}
    for sighting in batch:
        body = message_of(sighting, configured)
        try:
            incoming.append(Incoming(body, schemas.parse(body), configured.agent_name))
        except Invalid as error:
            refused[str(sighting.path)] = f"refused: {error}"
    if incoming:
        intake.take_in(engine, incoming, source="scan")
    with transaction(engine) as session:
        for row in repository.watched_files(session, _paths(batch)).values():
            row.taken_at = now()
            row.outcome = refused.get(row.path, "taken")
    return len(incoming)
