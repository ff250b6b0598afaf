"""The directory scan (continuous mode): new STF files in watched directories are taken in.

A file is taken when its size has stood still; what was seen is remembered in the database, so that
a restart neither takes a file twice nor waits for it anew.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from blocks.errors import Invalid, OutsideUnavailable, ProdOpsError
from blocks.paths import absolute
from flows.common import text
from flows.common.callers import Means, on_ops_side
from flows.common.database import now, transaction
from flows.common.settings import FastmonSettings
from flows.fastmon import intake, repository, schemas
from flows.fastmon.intake import Incoming
from flows.fastmon.models import WatchedFile

_CHUNK_BYTES: Final = 1 << 20
_BATCH: Final = 200
_PIECE: Final = 5_000  # files whose state is read and noted at a time
_MOST_AT_FAULT: Final = 100  # of a piece; more are no longer some bad files

_T = TypeVar("_T")


class UnreadableDirectory(ProdOpsError):
    """A watched directory cannot be read."""


@dataclass(frozen=True)
class Sighting:
    """A file as it was seen."""

    path: Path
    size_bytes: int
    modified_at: datetime


@dataclass
class Found:
    """What a look found: files, and what is wrong with the others, by path and by directory."""

    sightings: dict[str, Sighting] = field(default_factory=dict)
    flaws: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ScanReport:
    """What a scan did.

    Attributes:
        named: The files that could not be taken, each named once.
        unnoted: Those of which the database notes nothing, so that every scan names them.
    """

    seen: int
    taken: int
    refused: int
    named: tuple[str, ...] = ()
    unnoted: tuple[str, ...] = ()


def scan(
    engine: Engine, configured: FastmonSettings, *, goes_on: Callable[[], None] = lambda: None
) -> ScanReport:
    """Look into the watched directories once, and take in the files that stand still.

    What cannot be taken hinders nothing else.

    Args:
        engine: The database.
        configured: The settings.
        goes_on: Called after each file that was read, which may take minutes.

    Raises:
        UnreadableDirectory: A directory is not there, or cannot be read; the others were scanned.
        DatabaseUnavailable: Nothing more was taken; the next scan goes on from there.
    """
    found = look(configured)
    sightings, flaws = list(found.sightings.values()), dict(found.flaws)
    settle = timedelta(seconds=configured.watch_settle_seconds)
    taken = 0
    refused: dict[str, str] = {}
    unnoted: dict[str, str] = {}
    for piece in _pieces(sightings, _PIECE):
        for batch in _pieces(_settled(engine, piece, settle, unnoted), _BATCH):
            outcome = _take(engine, batch, configured, unnoted, goes_on)
            taken += len(outcome.taken)
            refused |= outcome.refused
            flaws |= outcome.unreadable
    new = {path: flaws[path] for path in _newly_named(engine, flaws, unnoted)}
    named, unknown = _lines(new | refused), _lines(unnoted)
    if found.unreadable:
        lines = "; ".join([*found.unreadable, *named, *unknown])
        raise UnreadableDirectory(f"watched directory {lines}")
    return ScanReport(len(sightings), taken, len(refused), named, unknown)


def _lines(reasons: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{path}: {reason}" for path, reason in reasons.items())


def look(configured: FastmonSettings) -> Found:
    """The files in the watched directories whose names are of a pattern, each once."""
    found = Found()
    for name in configured.watch_dirs:
        try:
            directory = absolute(Path(name))
            paths = sorted(directory.iterdir())
        except (OSError, RuntimeError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else None
            found.unreadable.append(f"{name}: {said or error}")
            continue
        for path in paths:
            if any(fnmatch.fnmatchcase(path.name, each) for each in configured.watch_patterns):
                _sight(path.absolute(), found)
    return found


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
    """The file's checksum in the catalogue's form, read in pieces.

    Raises:
        OSError: It cannot be read.
    """
    value = 1
    # Not waited for: a FIFO that has taken the file's place would be, for ever.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            value = zlib.adler32(chunk, value)
    return f"ad:{value:08x}"


def _sight(path: Path, found: Found) -> None:
    name = text.kept(str(path))
    try:
        status = path.stat()
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
    except FileNotFoundError:
        if path.is_symlink():
            found.flaws[name] = "is a link to nothing"
        return  # gone since the directory was read
    except (OSError, OverflowError, ValueError) as error:
        found.flaws[name] = _reason(error)
        return
    if not stat.S_ISREG(status.st_mode):
        found.flaws[name] = "is no regular file"
    elif name != str(path):
        found.flaws[name] = "has a name that is no UTF-8"
    else:
        found.sightings[name] = Sighting(path, status.st_size, modified)


def _reason(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read: {said or error}"


def _settled(
    engine: Engine, sightings: Sequence[Sighting], settle: timedelta, unnoted: dict[str, str]
) -> list[Sighting]:
    """Note what was seen; gives what has stood still long enough and was not taken."""
    moment = now()
    with transaction(engine) as session:
        known = repository.watched_files(session, _paths(sightings))
    changed = [each for each in sightings if _has_changed(known.get(str(each.path)), each)]

    def note(seen: Sequence[Sighting]) -> None:
        rows = [(str(each.path), each.size_bytes, each.modified_at) for each in seen]
        with transaction(engine) as session:
            repository.note_watched(session, rows, at=moment)

    for each, error in _together_or_alone(changed, note):
        unnoted[str(each.path)] = f"cannot be noted: {_first_line(error)}"
    since = {path: row.unchanged_since for path, row in known.items()}
    since |= dict.fromkeys(_paths(changed), moment)
    done = {path for path, row in known.items() if row.taken_at is not None} | unnoted.keys()
    return [
        each
        for each in sightings
        if str(each.path) not in done and moment - since[str(each.path)] >= settle
    ]


def _together_or_alone(
    items: Sequence[_T], work: Callable[[Sequence[_T]], None]
) -> list[tuple[_T, Exception]]:
    """Do it for all at once, or, where some are at fault, without those; gives them.

    Raises:
        OutsideUnavailable: None of them is.
        Exception: So many are that something else must be.
    """
    failed: list[tuple[_T, Exception]] = []
    pieces = [items] if items else []
    while pieces:
        piece = pieces.pop(0)
        try:
            work(piece)
        except OutsideUnavailable:
            raise
        except Exception as error:
            if len(failed) >= _MOST_AT_FAULT:
                raise
            if len(piece) == 1:
                failed.append((piece[0], error))
            else:  # one of thousands is found in a dozen steps
                middle = len(piece) // 2
                pieces += [piece[:middle], piece[middle:]]
    return failed


def _first_line(error: Exception) -> str:
    said = error.orig if isinstance(error, DBAPIError) else error
    return next(iter(str(said).splitlines()), type(error).__name__)


def _paths(sightings: Sequence[Sighting]) -> list[str]:
    return [str(sighting.path) for sighting in sightings]


def _has_changed(row: WatchedFile | None, sighting: Sighting) -> bool:
    if row is None or row.taken_at is not None:
        return row is None
    return (row.size_bytes, row.modified_at) != (sighting.size_bytes, sighting.modified_at)


@dataclass
class _Outcome:
    """What became of a batch; what could not be read is looked at again, what is refused is not."""

    taken: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)


def _take(
    engine: Engine,
    batch: Sequence[Sighting],
    configured: FastmonSettings,
    unnoted: dict[str, str],
    goes_on: Callable[[], None],
) -> _Outcome:
    """Take in the STFs of a batch of files, then note that they were taken.

    A crash between the two takes them in again, which changes nothing: the inbox knows them.
    """
    outcome = _Outcome()
    incoming = _messages(batch, configured, outcome, goes_on)

    def take_in(paths: Sequence[str]) -> None:
        intake.take_in(engine, [incoming[path] for path in paths], source="scan")
        outcome.taken += paths

    for path, error in _together_or_alone(list(incoming), take_in):
        outcome.refused[path] = f"refused: {_first_line(error)}"
    outcomes = dict.fromkeys(outcome.taken, "taken") | outcome.refused

    def note(paths: Sequence[str]) -> None:
        with transaction(engine) as session:
            noted = {path: outcomes[path] for path in paths}
            repository.note_taken(session, noted, at=now())

    for path, error in _together_or_alone(list(outcomes), note):
        unnoted[path] = f"{outcomes[path]}; that cannot be noted: {_first_line(error)}"
    return outcome


def _messages(
    batch: Sequence[Sighting],
    configured: FastmonSettings,
    outcome: _Outcome,
    goes_on: Callable[[], None],
) -> dict[str, Incoming]:
    """The message of each file, by path."""
    scanner = on_ops_side(configured.agent_name, Means.SCHEDULE)
    incoming: dict[str, Incoming] = {}
    for sighting in batch:
        path = str(sighting.path)
        try:
            body = message_of(sighting, configured)
            incoming[path] = Incoming(body, schemas.parse(body), scanner)
        except Invalid as error:
            outcome.refused[path] = f"refused: {error}"
        except OSError as error:
            outcome.unreadable[path] = _reason(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this file's reason
            outcome.unreadable[path] = f"cannot be taken: {type(error).__name__}: {error}"
        goes_on()
    return incoming


def _newly_named(engine: Engine, flaws: Mapping[str, str], unnoted: dict[str, str]) -> list[str]:
    """Keep what is wrong with each; gives the paths for which it was not known before."""
    named: list[str] = []

    def note(paths: Sequence[str]) -> None:
        with transaction(engine) as session:
            wanted = {path: flaws[path] for path in paths}
            new = repository.note_flaws(session, wanted, at=now())
        named.extend(new)

    for piece in _pieces(sorted(flaws), _PIECE):
        for path, error in _together_or_alone(piece, note):
            unnoted[path] = f"{flaws[path]}; that cannot be noted: {_first_line(error)}"
    return named


def _pieces(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
